package views

// PendingPage is the answer to POST /runbooks/{id}/run while the database accepts no writes:
// the incident has a link and no number yet.
type PendingPage struct {
	Frame          Frame
	Name, Severity string
	Warnings       []string

	JoinURL, LinkHost, LinkName, PIN string
	DialIn                           []DialIn
	FormURL                          string // leads to the incident once it has a number
}
