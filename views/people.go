package views

import "slices"

// Participant is one person inside the bridge.
type Participant struct {
	Name  string
	Email string // "" if Zoom didn't say
	Since When
	Host  bool

	Bridge string // as in BridgeBlock.Name
}

// inside reports whether the list of people is useful: it is not before there is a Zoom
// meeting, and not after.
func (p IncidentPage) inside() bool {
	return len(p.Inside)+len(p.Waiting) > 0 || slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool {
		return b.Kind != "static" && (b.State == "ready" || b.State == "live")
	})
}

// unseen reports whether a call runs, and nobody knows who is inside.
func (p IncidentPage) unseen() bool {
	return len(p.Inside) == 0 && slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool { return b.State == "live" && b.Unseen })
}

// nobody says that no one is known to be inside.
func (p IncidentPage) nobody() string {
	if p.unseen() {
		return unseen
	}
	most := 0
	for _, b := range p.Bridges {
		most = max(most, b.Most)
	}
	switch most {
	case 0:
		return "Nobody yet. People appear here when Zoom reports that they joined."
	case 1:
		return "Nobody now. 1 person was inside before."
	}
	return "Nobody now. Up to " + Count(most) + " people were inside at once."
}
