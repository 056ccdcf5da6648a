package handlers

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// maxYAMLForm is the largest form with YAML, in bytes: most of its characters may be
// escapes. The service allows less YAML and says so.
const maxYAMLForm = 1 << 20

// RunbookYAMLPage is GET /runbooks/:id/yaml.
func (s *Site) RunbookYAMLPage(c echo.Context) error {
	r, err := s.Store.Runbook(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.showYAML(c, http.StatusOK, r, views.RunbookYAMLPage{Version: r.Version})
}

// NewRunbookYAMLPage is GET /runbooks/yaml. It shows a runbook to begin with.
func (s *Site) NewRunbookYAMLPage(c echo.Context) error {
	return s.showYAML(c, http.StatusOK, incident.Runbook{}, views.RunbookYAMLPage{})
}

// showYAML renders the YAML of a runbook (zero for a new one), or else what was typed.
func (s *Site) showYAML(c echo.Context, status int, r incident.Runbook, page views.RunbookYAMLPage) (err error) {
	title, shown := "YAML of "+r.Name, r
	if r.ID == "" {
		title, shown = "New runbook from YAML", incident.SampleRunbook()
	}
	page.Frame, page.ID, page.Name = s.Frame(c, title, "runbooks"), r.ID, r.Name
	page.CanEdit = Actor(c).Role.Includes(incident.Admin) && r.ArchivedAt.IsZero()
	if status == http.StatusOK {
		if page.YAML, err = shown.YAML(); err != nil {
			return err
		}
	}
	return Render(c, status, views.RunbookYAML(page))
}

// CreateRunbookYAML is POST /runbooks/yaml.
func (s *Site) CreateRunbookYAML(c echo.Context) error { return s.saveYAML(c, incident.Runbook{}) }

// SaveRunbookYAML is POST /runbooks/:id/yaml.
func (s *Site) SaveRunbookYAML(c echo.Context) error {
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}
	return s.saveYAML(c, stored)
}

func (s *Site) saveYAML(c echo.Context, stored incident.Runbook) error {
	form, err := readForm(c, maxYAMLForm, maxYAMLForm, "version", "yaml")
	if err != nil {
		return err
	}
	old := stored
	if old.Version, err = form.Int("version"); err != nil {
		return err
	}
	// A browser drops a line break at the start of what was typed, which would shift the lines.
	text := strings.TrimLeft(strings.ReplaceAll(form.Raw("yaml"), "\r\n", "\n"), "\n")
	typed := views.RunbookYAMLPage{Version: old.Version, YAML: text}

	file, err := incident.ReadRunbook(text)
	if e, ok := errors.AsType[*incident.YAMLError](err); ok {
		typed.Refused = []views.RefusedField{{Line: e.Line, Source: sourceLine(text, e.Line), Text: e.Message + "."}}
		return s.showYAML(c, http.StatusUnprocessableEntity, stored, typed)
	}
	if err != nil {
		return err
	}

	saved, changed, err := s.Service.SaveRunbookFile(c.Request().Context(), Actor(c), file, old)

	if _, fields, ok := Refusal(err); ok {
		if typed.Refused = refusedFields(fields); len(fields) == 0 { // someone else saved in the meantime
			typed.Conflict = s.lastRunbookChange(c, stored) + " What you typed is kept below; saving now replaces their version."
			typed.Version = stored.Version
		}
		lines, names := incident.RunbookLines(text, sortedNames(fields)), sortedNames(fields)
		for i := range typed.Refused {
			f := &typed.Refused[i]
			f.Line = lines[names[i]]
			f.Source = sourceLine(text, f.Line)
		}
		slices.SortStableFunc(typed.Refused, func(a, b views.RefusedField) int { return a.Line - b.Line })
		return s.showYAML(c, http.StatusUnprocessableEntity, stored, typed)
	}
	if err != nil {
		return err
	}

	path := "/runbooks/" + saved.ID
	if stored.ID != "" {
		path += "/yaml"
	}
	return s.done(c, path, runbookSaid(stored, saved, changed))
}

// sourceLine is a line of a text, shortened.
func sourceLine(text string, line int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return clipped(strings.TrimSpace(lines[line-1]), 100)
}

var notInFileName = regexp.MustCompile(`[^a-z0-9]+`)

// ExportRunbook is GET /runbooks/:id/export: its YAML, as a file.
func (s *Site) ExportRunbook(c echo.Context) error {
	r, err := s.Store.Runbook(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	text, err := r.YAML()
	if err != nil {
		return err
	}
	name := strings.Trim(clipped(notInFileName.ReplaceAllString(strings.ToLower("runbook "+r.Name), "-"), 80), "-")
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`.yaml"`)
	return c.Blob(http.StatusOK, "application/yaml", []byte(text))
}
