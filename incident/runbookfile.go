package incident

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// The limits of the YAML of one runbook.
const (
	maxRunbookBytes  = 256 << 10
	maxRunbookTokens = 20_000
)

// RunbookFile is a runbook in the YAML file of apply and export.
type RunbookFile struct {
	Runbook  `yaml:",inline"`
	Disabled bool `yaml:"disabled,omitempty"`
}

// File returns the runbook as the file has it.
func (r Runbook) File() RunbookFile { return RunbookFile{r, !r.DisabledAt.IsZero()} }

// runbookFiles is a file with runbooks and nothing else.
type runbookFiles struct {
	Runbooks []RunbookFile `yaml:"runbooks"`
}

// YAML returns a file with this runbook.
func (r Runbook) YAML() (string, error) {
	text, err := WriteYAML(runbookFiles{[]RunbookFile{r.File()}})
	return string(text), err
}

// ReadRunbook reads a file with one runbook. Its errors are YAMLErrors.
func ReadRunbook(text string) (RunbookFile, error) {
	if len(text) > maxRunbookBytes {
		return RunbookFile{}, &YAMLError{Message: fmt.Sprintf("the text is larger than %d KiB", maxRunbookBytes>>10)}
	}
	var file runbookFiles
	if err := readYAML([]byte(text), maxRunbookTokens, &file); err != nil {
		return RunbookFile{}, err
	}
	switch n := len(file.Runbooks); n {
	case 1:
		return file.Runbooks[0], nil
	case 0:
		return RunbookFile{}, &YAMLError{Message: "there is no runbook; the first line must be “runbooks:”"}
	default:
		return RunbookFile{}, &YAMLError{Message: fmt.Sprintf("there are %d runbooks; keep one", n)}
	}
}

// RunbookLines returns in which lines of a file with one runbook fields are, such as
// "steps.0.topic", or else what they belong to. Lines that are not known are left out.
func RunbookLines(text string, fields []string) map[string]int {
	lines := map[string]int{}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return lines
	}
	for _, field := range fields {
		for parts := strings.Split("runbooks.0."+field, "."); len(parts) > 0 && lines[field] == 0; parts = parts[:len(parts)-1] {
			path := (&yaml.PathBuilder{}).Root()
			for _, part := range parts {
				if n, err := strconv.ParseUint(part, 10, 0); err == nil {
					path = path.Index(uint(n))
				} else {
					path = path.Child(part)
				}
			}
			if n, err := path.Build().FilterFile(file); err == nil && n != nil {
				lines[field] = n.GetToken().Position.Line
			}
		}
	}
	return lines
}

// SaveRunbookFile saves a runbook of a file over old, or creates it if old is zero. It
// returns what changed. A step keeps the id of the step that had its place.
func (s *Service) SaveRunbookFile(ctx context.Context, actor Actor, file RunbookFile, old Runbook) (saved Runbook, changes []Change, err error) {
	r := file.Runbook
	if r.ID, r.Version = old.ID, old.Version; r.ID == "" && file.Disabled {
		r.DisabledAt = s.now()
	}
	for i := range min(len(r.Steps), len(old.Steps)) {
		r.Steps[i].ID = old.Steps[i].ID
	}
	if saved, changes, err = s.SaveRunbook(ctx, actor, r); err != nil || file.Disabled == !saved.DisabledAt.IsZero() {
		return saved, changes, err
	}
	field := map[bool]string{true: "disabled", false: "enabled"}[file.Disabled]
	return saved, append(changes, Change{Field: field}), s.SetRunbookDisabled(ctx, actor, saved.ID, file.Disabled)
}
