package incident

import (
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// SetupScope is one permission to select when creating the Zoom app. Apps created
// since 2024 have granular scopes, older apps have classic scopes.
type SetupScope struct {
	Granular, Classic string
	Features          []zoom.Feature // the features that need it
	Optional          bool           // bridges work without it
}

// SetupScopes returns the permissions that the Zoom app needs, without
// duplicates.
func SetupScopes() []SetupScope {
	var list []SetupScope
	for _, f := range zoom.CheckScopes(nil) {
		optional := f.Name != zoom.OpenBridge && f.Name != zoom.CheckPeople
		for _, name := range f.Granular {
			i := slices.IndexFunc(list, func(s SetupScope) bool { return s.Granular == name })
			if i < 0 {
				list = append(list, SetupScope{Granular: name, Classic: strings.Join(f.Classic, ", "), Features: []zoom.Feature{f.Name}, Optional: optional})
				continue
			}
			list[i].Features = append(list[i].Features, f.Name)
			list[i].Optional = list[i].Optional && optional
		}
	}
	return list
}

// SetupEvents returns the event types to subscribe to in the Zoom app.
func SetupEvents() []zoom.EventType { return slices.Clone(zoom.EventTypes) }
