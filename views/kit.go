package views

import (
	"strings"
	"unicode/utf8"
)

type mark struct{ word, class string }

// stateMark gives the word of a state, and the class that gives its shape and color. An unknown state shows its own name.
func stateMark(state string) mark {
	switch state {
	case "new", "creating", "running", "scheduled":
		return mark{state, "db-st-creating"}
	case "ready", "ok", "done":
		return mark{state, "db-st-ready"}
	case "open":
		return mark{state, "db-st-open"}
	case "started", "empty": // a call that nobody is known to be in
		return mark{state, "db-st-open"}
	case "live":
		return mark{state, "db-st-live"}
	case "ended", "resolved", "skipped", "disabled", "note":
		return mark{state, "db-st-ended"}
	case "unknown", "warning", "needs_host", "restricted", "unconfirmed", "external", "static":
		return mark{strings.ReplaceAll(state, "_", " "), "db-st-unknown"}
	case "unstored":
		return mark{"not stored yet", "db-st-unknown"}
	case "unstorable":
		return mark{"can’t be stored", "db-st-failed"}
	case "failed", "bad", "shared", "host_busy":
		return mark{strings.ReplaceAll(state, "_", " "), "db-st-failed"}
	}
	return mark{state, "db-st-ended"}
}

func initials(name, email string) string {
	if strings.TrimSpace(name) == "" {
		name = email
	}
	words := strings.Fields(name)
	out := ""
	if len(words) > 0 {
		out = firstRune(words[0])
	}
	if len(words) > 1 {
		out += firstRune(words[len(words)-1])
	}
	return strings.ToUpper(Visible(out))
}

func firstRune(word string) string {
	r, _ := utf8.DecodeRuneInString(word)
	return string(r)
}

// Tab is one of several views of a page; each is a link, so it works without JavaScript.
type Tab struct {
	Label, Href string
	Current     bool
	Note        string // small text after the label, "2 warnings"
}

// Chip is a filter that can be on. Href is the page with the filter toggled.
type Chip struct {
	Label, Href string
	On          bool
	Count       string // "" shows none
}

// Pager leads through a list by cursor. An empty link is not shown.
type Pager struct {
	Newest, Newer, Older string // hrefs
	Says                 string // "Searched back to 22 Nov 2026, 03:14:07 CET"
	GoesOn               bool   // the search stopped early and can continue
}

// KeyValue is a line of a detail list: text from outside or a time, with a copy button if Copy is set.
type KeyValue struct {
	Key, Value string
	When       When   // shown instead of Value when its ISO is set
	Href       string // makes the value a link
	Mono, Copy bool
	Copied     string // copied instead of Value
}

// ConfirmForm asks once before an action that can't be undone, and names what it deletes.
type ConfirmForm struct {
	ID     string // of the dialog; ConfirmLink opens it
	Title  string // "Delete runbook “Production outage”?"
	Text   string // what is deleted and what stays
	Action string // where the form posts
	Button string // "Delete runbook"
	Hidden []Hidden
}

// Link leads to another page, in Drawbridge or elsewhere.
type Link struct{ Text, Href string }

// Hidden is a hidden field of a form.
type Hidden struct{ Name, Value string }
