package handlers

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// openAPI describes the routes below /api/v1. web.TestOpenAPI compares it with the
// routes and with what they answer.
//
//go:embed openapi.json
var openAPI []byte

// OpenAPI is GET /api/v1/openapi.json.
func (s *Site) OpenAPI(c echo.Context) error { return c.JSONBlob(http.StatusOK, openAPI) }
