package views

// LeftoversPage is GET /bridges/left-over. Live topic: leftovers. POST /bridges/left-over looks for them.
type LeftoversPage struct {
	Frame     Frame
	CanLook   bool   // admins
	Connected bool   // the Zoom app can look
	Runs      bool   // a look runs
	Looked    When   // when the last look was over; zero: there was none, or it runs
	Level     Level  // how far the last look can be trusted
	Says      string // sums it up
	Problems  []LeftoverProblem
	Rows      []LeftoverRow
}

// LeftoverProblem is a host whose meetings could not be looked at.
type LeftoverProblem struct{ Host, Text, Fix string }

// LeftoverRow is one meeting.
type LeftoverRow struct {
	Topic, MeetingID, Host string
	Since, Looked          When
	Why                    string
	Key, Href              string // of the incident; "": none, or not known
	Outcome, Fix           string
}
