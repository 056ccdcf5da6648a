package views

// StuckPage is GET /unstored: the incidents of this server's journal that can't be stored. POST /unstored/{id}/try tries
// again at once, and POST /unstored/{id}/discard removes one.
type StuckPage struct {
	Frame Frame
	Rows  []StuckRow
}

// StuckRow is one of them, with all that it holds.
type StuckRow struct {
	ID, Name, Why string
	Tries         string // "Tried 7 times, next at 02:18:07."
	Runbooks      bool   // an admin can mend it on the page of runbooks
	Facts         []KeyValue
	Description   string
	Saved         bool // it survives a restart
}
