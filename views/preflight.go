package views

// PreflightPage is GET /preflight: who may host a bridge, and whether Zoom lets them.
// Admins post to /preflight/check, and to /preflight/on-call the field on_call_emails.
type PreflightPage struct {
	Frame     Frame
	CanChange bool
	Rows      []PreflightRow
	Checks    []string // the names of the columns
	Level     Level    // the worst of all
	Title     string
	Waiting   int    // people who are not checked yet
	FixAll    string // address of the preview of all fixes; "": nothing can be fixed
	OnCall    string // one address a line
	OnCallBad string // what is wrong with them
	Empty     string // why there is nobody
}

// PreflightRow is one person.
type PreflightRow struct {
	Email   string
	Roles   string // "Host pool, on call"
	Level   Level
	Cells   []PreflightCell // one for each of Checks
	Checked When
}

// PreflightCell is one check of a person.
type PreflightCell struct {
	Level Level
	Text  string // "" : not checked
	Title string // the whole finding
	Fix   string // what to do in Zoom
	Href  string // the preview of the fix; "": Drawbridge can't fix it
}

// PreflightFixPage is GET /preflight/fix. It posts to the same address the fields fix.0 and
// so on: an address and a code, for each change.
type PreflightFixPage struct {
	Frame   Frame
	Changes []PreflightChange
}

// PreflightChange is one change of a setting in Zoom.
type PreflightChange struct {
	Email, Setting, Before, After string
	Value                         string // of the field
	Kept                          string // what happened last time; "": it was not tried
}

// problems are the cells of the row that somebody should look at.
func (r PreflightRow) problems() (list []PreflightCell) {
	for _, c := range r.Cells {
		if c.Text != "" && c.Level != LevelOK && c.Level != LevelNote {
			list = append(list, c)
		}
	}
	return list
}
