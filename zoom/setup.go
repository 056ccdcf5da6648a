package zoom

// FeatureScopes says whether the app's scopes suffice for one thing we do.
type FeatureScopes struct {
	Name     string   // open_bridge, check_people, …
	Label    string   // for people
	Classic  []string // these suffice …
	Granular []string // … or these, all of them
	OK       bool
	Missing  []string // granular names to tick; nil when OK
}

func CheckScopes(have []string) []FeatureScopes { panic("skeleton") }

// EventType is one event to subscribe to in the Zoom app.
type EventType struct {
	Name, Label, Why string
}

var EventTypes []EventType

func Endpoints(cluster string) (apiURL, oauthURL string) { panic("skeleton") }
