package views

import (
	"maps"
	"slices"
)

// TimelineEntry is one thing that happened to the incident.
type TimelineEntry struct {
	At   When
	Kind string // an incident.TimelineKind; see entryLooks
	Text string
	Who  string // name of the user who did it; "" for none
	// Bridge is the one that it is about, as in BridgeBlock.Name; "": the only one, or none.
	Bridge string
	// Folded are joins and leaves in a row, of which this entry says the numbers. Since is
	// when the first happened.
	Folded []TimelineEntry
	Since  When
	More   []TimelineMore
}

// TimelineMore is a long text of an entry, which a click shows.
type TimelineMore struct{ Title, Text string }

// entryLook is the icon and the tone of an entry: ok, bad, warning, busy or plain.
type entryLook struct{ icon, tone string }

var entryLooks = map[string]entryLook{
	"opened":                 {"flame", "busy"},
	"adjusted":               {"alert", "warning"},
	"edited":                 {"notes", "plain"},
	"reopened":               {"flame", "busy"},
	"resolved":               {"check", "ok"},
	"step_started":           {"play", "plain"},
	"step_due":               {"notes", "warning"},
	"step_loop":              {"alert", "warning"},
	"step_done":              {"check", "plain"},
	"step_failed":            {"cross", "bad"},
	"ticked":                 {"check", "ok"},
	"unticked":               {"notes", "warning"},
	"template_failed":        {"alert", "warning"},
	"attempt_failed":         {"alert", "warning"},
	"bridge_ready":           {"video", "busy"},
	"bridge_failed":          {"cross", "bad"},
	"bridge_unknown":         {"alert", "warning"},
	"asking_again":           {"video", "plain"},
	"link_given":             {"video", "busy"},
	"static_link":            {"video", "warning"},
	"from_memory":            {"alert", "warning"},
	"moved":                  {"video", "busy"},
	"twin_deleted":           {"video", "plain"},
	"unused_deleted":         {"video", "plain"},
	"replaced_deleted":       {"video", "plain"},
	"renamed":                {"video", "plain"},
	"drill_ended":            {"video", "plain"},
	"second_meeting":         {"alert", "warning"},
	"call_started":           {"video", "plain"},
	"call_ended":             {"video", "plain"},
	"seen_running":           {"video", "plain"},
	"seen_ended":             {"video", "plain"},
	"meeting_gone":           {"cross", "bad"},
	"again":                  {"video", "busy"},
	"ended_by":               {"video", "plain"},
	"nobody_came":            {"video", "warning"},
	"all_left":               {"video", "warning"},
	"over_for_long":          {"video", "plain"},
	"runs_long":              {"video", "plain"},
	"ended_empty":            {"video", "plain"},
	"not_ended":              {"video", "warning"},
	"stuck":                  {"alert", "bad"},
	"joined":                 {"user", "plain"},
	"left":                   {"user", "plain"},
	"waits_for_host":         {"user", "warning"},
	"in_waiting_room":        {"user", "warning"},
	"meeting_deleted":        {"cross", "bad"},
	"meeting_restored":       {"video", "busy"},
	"bad_quality":            {"alert", "warning"},
	"recording":              {"microphone", "plain"},
	"recording_ready":        {"microphone", "plain"},
	"recording_link_dropped": {"alert", "warning"},
	"no_recording":           {"microphone", "plain"},
	"recording_gone":         {"microphone", "warning"},
	"recording_back":         {"microphone", "plain"},
	"transcript":             {"notes", "plain"},
	"summary":                {"notes", "plain"},
	"summary_gone":           {"notes", "plain"},
	"summary_back":           {"notes", "plain"},
	"changed_in_zoom":        {"alert", "warning"},
	"mended_in_zoom":         {"check", "ok"},
	"new_passcode":           {"alert", "warning"},
	"new_link":               {"alert", "warning"},
	"fixed":                  {"check", "ok"},
	"fix_kept":               {"alert", "warning"},
	"fix_unsaid":             {"alert", "warning"},
	"note":                   {"notes", "plain"},
}

// EntryKinds are the kinds of timeline entries in entryLooks.
func EntryKinds() []string { return slices.Sorted(maps.Keys(entryLooks)) }

func (e TimelineEntry) look() entryLook {
	if look, ok := entryLooks[e.Kind]; ok {
		return look
	}
	return entryLooks["note"]
}
