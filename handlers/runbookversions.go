package handlers

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

const versionsShown = 25 // on a page

// RunbookVersionsPage is GET /runbooks/:id/versions.
func (s *Site) RunbookVersionsPage(c echo.Context) error {
	q, err := ReadQuery(c, "cursor")
	if err != nil {
		return err
	}
	before, err := q.Int("cursor")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	r, err := s.Store.Runbook(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	found, err := s.Store.RunbookVersions(ctx, r.ID, before, versionsShown+1)
	if err != nil {
		return err
	}

	page := views.RunbookVersionsPage{Frame: s.Frame(c, "Versions of "+r.Name, "runbooks"), ID: r.ID, Name: r.Name}
	next := ""
	for i, v := range found {
		if i == versionsShown {
			next = strconv.FormatInt(found[i-1].Version, 10)
			break
		}
		row := views.VersionRow{Number: v.Version, Newest: v.Version >= r.Version, First: i == len(found)-1, At: s.When(c, v.UpdatedAt), Who: words.Actor(string(v.ActorKind), v.Actor)}
		var earlier incident.RunbookVersion
		if !row.First {
			earlier = found[i+1]
			row.Changes = auditChanges(incident.RunbookChanges(earlier.Runbook, v.Runbook))
		}
		page.Rows = append(page.Rows, row)
		if earlier.Version < v.Version-1 {
			page.Rows = append(page.Rows, views.VersionRow{Number: v.Version - 1, NotKept: earlier.Version + 1})
		}
	}
	page.Pager = pager(c, q.Raw("cursor"), next)
	return Render(c, http.StatusOK, views.RunbookVersions(page))
}

// RunbookVersionPage is GET /runbooks/:id/versions/:version.
func (s *Site) RunbookVersionPage(c echo.Context) error {
	return s.showVersion(c, http.StatusOK, "", nil)
}

// showVersion renders the page of a version. refused says why it wasn't brought back.
func (s *Site) showVersion(c echo.Context, status int, refused string, fields map[string]string) error {
	q, err := ReadQuery(c, "with")
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(c.Param("version"), 10, 64)
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	ctx := c.Request().Context()
	r, err := s.Store.Runbook(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	v, err := s.Store.RunbookVersion(ctx, r.ID, number)
	if err != nil {
		return err
	}

	page := views.RunbookVersionPage{
		Frame: s.Frame(c, fmt.Sprintf("Version %d of %s", number, r.Name), "runbooks"),
		ID:    r.ID, Name: r.Name, Number: number, Newest: max(r.Version, number), At: s.When(c, v.UpdatedAt), Who: words.Actor(string(v.ActorKind), v.Actor),
		With: q.Get("with"), Refused: refused, Fields: refusedFields(fields),
		CanBringBack: Actor(c).Role.Includes(incident.Admin) && r.ArchivedAt.IsZero() && number < r.Version,
	}
	other, asked, err := s.otherVersion(c, v, page.With)
	if err != nil {
		return err
	}
	if page.With != "" && !asked {
		page.WithError = "There is no such version, or it wasn’t kept."
	}
	from, to := other, v
	if other.Version > number {
		from, to = v, other
	}
	if from.Version < to.Version {
		page.With, page.From, page.To = cmp.Or(page.With, strconv.FormatInt(other.Version, 10)), from.Version, to.Version
	}
	for _, change := range incident.RunbookChanges(from.Runbook, to.Runbook) {
		page.Changes = append(page.Changes, views.ValueChange{Name: words.Field(change.Field), Was: change.Before, Is: change.After})
	}
	back := v.Runbook
	back.DisabledAt, back.ArchivedAt = r.DisabledAt, r.ArchivedAt
	page.Undoes = someOf(changedFields(incident.RunbookChanges(r, back)))
	if page.YAML, err = v.YAML(); err != nil {
		return err
	}
	return Render(c, status, views.RunbookVersion(page))
}

// otherVersion is the version to compare v with: the one that the person asks for, or else
// the one before v, or else the newest. It is v if there is no other.
func (s *Site) otherVersion(c echo.Context, v incident.RunbookVersion, with string) (other incident.RunbookVersion, asked bool, err error) {
	ctx := c.Request().Context()
	if number, err := strconv.ParseInt(with, 10, 64); err == nil {
		other, err := s.Store.RunbookVersion(ctx, v.ID, number)
		if incident.CodeOf(err) != incident.NotFound {
			return other, true, err
		}
	}
	for _, before := range []int64{v.Version, 0} {
		found, err := s.Store.RunbookVersions(ctx, v.ID, before, 1)
		if err != nil {
			return v, false, err
		}
		if len(found) > 0 {
			return found[0], false, nil
		}
	}
	return v, false, nil
}

// BringBackVersion is POST /runbooks/:id/versions/:version/bring-back.
func (s *Site) BringBackVersion(c echo.Context) error {
	form, err := ReadForm(c, "latest")
	if err != nil {
		return err
	}
	latest, err := form.Int("latest")
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(c.Param("version"), 10, 64)
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}

	saved, changed, err := s.Service.BringBackRunbook(c.Request().Context(), Actor(c), stored.ID, number, latest)

	if message, fields, ok := Refusal(err); ok {
		if len(fields) == 0 { // someone else saved in the meantime
			message = s.lastRunbookChange(c, stored) + " See what bringing it back would change now."
		}
		return s.showVersion(c, http.StatusUnprocessableEntity, message, fields)
	}
	if err != nil {
		return err
	}

	said := fmt.Sprintf("Version %d was brought back. It is version %d now.", number, saved.Version)
	if len(changed) == 0 {
		said = "Nothing was changed."
	}
	return s.done(c, "/runbooks/"+stored.ID+"/versions", said)
}

// lastRunbookChange says who last changed a runbook, and when.
func (s *Site) lastRunbookChange(c echo.Context, r incident.Runbook) string {
	found, err := s.Store.RunbookVersions(c.Request().Context(), r.ID, 0, 1)
	if err != nil || len(found) == 0 || found[0].ActorKind == "" {
		return "Someone else changed this."
	}
	return words.Actor(string(found[0].ActorKind), found[0].Actor) + " changed this " + s.When(c, found[0].UpdatedAt).Ago + "."
}

// refusedFields lists what is wrong with a runbook, by field.
func refusedFields(fields map[string]string) (list []views.RefusedField) {
	for _, name := range sortedNames(fields) {
		list = append(list, views.RefusedField{Field: words.Field(name), Text: fields[name]})
	}
	return list
}
