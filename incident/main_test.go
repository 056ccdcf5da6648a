package incident_test

import (
	"os"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }
