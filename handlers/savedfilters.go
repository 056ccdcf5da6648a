package handlers

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// savedFilters adds the saved filters, and what the person may do with the active one.
func (s *Site) savedFilters(c echo.Context, _ eventQuery, _ eventList, page *views.EventsPage) error {
	saved, err := s.Store.SavedFilters(c.Request().Context())
	if err != nil {
		return err
	}
	save := &page.Filter.Save
	save.Allowed = page.Filter.Query != "" && !page.Filter.Refused() && Actor(c).Role.Includes(incident.Responder)
	for _, f := range saved {
		on := f.Query == page.Filter.Query
		page.Filter.Saved = append(page.Filter.Saved, views.Chip{Label: f.Name, Href: "/events?" + f.Query, On: on})
		if !on {
			continue
		}
		save.Allowed = false // it is already saved
		if Actor(c).Role.Includes(incident.Responder) && f.MayDelete(Actor(c)) {
			page.Filter.Delete = &views.ConfirmForm{
				ID: "delete-filter", Title: "Delete the saved filter “" + f.Name + "”?", Text: "This deletes it for everyone. Events stay.",
				Action: "/events/filters/" + f.ID + "/delete", Button: "Delete filter",
			}
		}
	}
	if s.PublicURL != "" {
		page.Link = s.PublicURL + listHref(c)
	}
	return nil
}

// SaveFilter is POST /events/filters, which saves a filter under a name.
func (s *Site) SaveFilter(c echo.Context) error {
	form, err := ReadForm(c, "name", "query")
	if err != nil {
		return err
	}
	sent, err := url.ParseQuery(form.Get("query"))
	if err != nil {
		return BadRequest("Drawbridge can’t read the filter.")
	}
	query := filterQuery(sent)

	f, err := s.Service.SaveFilter(c.Request().Context(), Actor(c), form.Get("name"), query)

	if message, fields, ok := Refusal(err); ok {
		if fields["name"] != "" {
			message = fields["name"]
		}
		// Show the page of the filter, with the form as it was posted.
		r := c.Request()
		list := r.Clone(r.Context())
		list.URL = &url.URL{Path: "/events", RawQuery: query}
		c.SetRequest(list)
		defer c.SetRequest(r)
		return s.eventsPage(c, http.StatusUnprocessableEntity, views.SaveFilter{Name: form.Get("name"), Error: message})
	}
	if err != nil {
		return err
	}
	return s.done(c, "/events?"+f.Query, "The filter was saved. Everyone can find it above the list.")
}

// DeleteFilter is POST /events/filters/:id/delete.
func (s *Site) DeleteFilter(c echo.Context) error {
	err := s.Service.DeleteFilter(c.Request().Context(), Actor(c), c.Param("id"))
	return s.finish(c, err, "/events", "The saved filter was deleted.")
}
