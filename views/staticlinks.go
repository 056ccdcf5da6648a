package views

import "strconv"

// StaticLinksForm is the form of the static links on the Zoom account page. It posts to
// /account/links with: static_links.0.name, .url, .phone and .pin and so on, version, and
// op, the button pressed: save, add-static, remove-static:0, static-up:0 or static-down:0.
type StaticLinksForm struct {
	Links   []StaticLink
	Version int64
	Errors  map[string]string // field name → sentence
	Problem string            // why nothing was saved, if no field is wrong
	Focus   string            // name of the field or value of the button that gets the focus
}

// StaticLink is one row of the form.
type StaticLink struct {
	Name, URL, Phone, PIN string
	Host                  string // of the URL; "" if it has none
}

// StaticField names a field of row i.
func StaticField(i int, key string) string { return "static_links." + strconv.Itoa(i) + "." + key }

func staticID(i int, key string) string { return "static-" + strconv.Itoa(i) + "-" + key }

// help says where the link leads.
func (l StaticLink) help(refused string) string {
	if l.Host == "" || refused != "" {
		return ""
	}
	return "Leads to " + l.Host
}
