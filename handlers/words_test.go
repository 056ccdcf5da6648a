package handlers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/incident/template"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The tests below read the codes from the program's source, so that no new code can
// be forgotten: every code has words, and all words belong to a code.

// files parses the package in dir, without its tests.
func files(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(names), err)
	}
	var list []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, file)
	}
	return list
}

// constant is a constant of a closed type, with the comment that names its data.
type constant struct{ name, code, comment string }

// constants lists the constants of a type.
func constants(t *testing.T, dir, typ string) (list []constant) {
	t.Helper()
	for _, file := range files(t, dir) {
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				s := spec.(*ast.ValueSpec)
				if id, ok := s.Type.(*ast.Ident); !ok || id.Name != typ {
					continue
				}
				code, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				c := constant{s.Names[0].Name, code, s.Comment.Text()}
				if strings.TrimSpace(c.comment) == "the same" {
					c.comment = list[len(list)-1].comment
				}
				list = append(list, c)
			}
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no constants of type %s", dir, typ)
	}
	return list
}

func codes(list []constant) (all []string) {
	for _, c := range list {
		all = append(all, c.code)
	}
	return all
}

// closed are the types of the codes that are stored and worded.
var closed = []struct{ dir, typ string }{
	{"incident", "TimelineKind"}, {"incident", "ReasonCode"}, {"incident", "FindingCode"}, {"incident", "Difference"}, {"incident", "ReadProblem"},
	{"incident", "Topic"}, {"incident", "Level"}, {"incident", "StepKind"}, {"incident", "AuditAction"}, {"zoom", "ProblemCode"}, {"zoom", "Feature"},
	{"incident", "Rejection"}, {"incident", "AdjustmentCode"}, {"incident", "DrillStageCode"}, {"incident", "DrillSchedule"}, {"incident", "LeftoverWhy"}, {"incident", "LeftoverOutcome"}, {"incident", "LeftoverReason"}, {"zoom", "VerifyProblem"},
}

const somebody = "host@example.com"

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// fill sets the fields of a struct that a comment names.
func fill(t *testing.T, data any, comment string) {
	t.Helper()
	v := reflect.ValueOf(data).Elem()
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if !field.IsZero() || !regexp.MustCompile(`\b`+name+`\b`).MatchString(comment) {
			continue
		}
		var value any
		switch field.Interface().(type) {
		case string:
			value = map[string]string{"Host": somebody, "Email": somebody, "By": somebody, "Text": "A person wrote this.", "Said": "No license."}[name]
			if value == "" {
				value = "Some " + strings.ToLower(name)
			}
		case int:
			value = 3
		case int64:
			value = int64(42)
		case time.Time:
			value = noon.Add(time.Hour)
		case time.Duration:
			value = 5 * time.Hour
		case []string:
			value = []string{"meeting:write:admin"}
		case incident.Place:
			value = incident.WaitsInRoom
		case []incident.Setting:
			value = []incident.Setting{incident.SettingWaitingRoom}
		case incident.StepKind:
			value = incident.StepCreateMeeting
		case zoom.Feature:
			value = zoom.OpenBridge
		case *zoom.Problem:
			value = &zoom.Problem{Code: zoom.ProblemTimedOut, MaybeCreated: true}
		case *incident.Reason:
			value = &incident.Reason{Code: incident.ReasonLogTooLong}
		case *incident.StepOutlook:
			value = &incident.StepOutlook{Code: incident.OutlookTrigger}
		case *incident.NoteText:
			value = &incident.NoteText{Subject: "Token", Reason: "Zoom issued one.", Fix: "Nothing to do."}
		case []incident.Finding:
			value = []incident.Finding{{Code: incident.FoundWaitingRoomOn, Topic: incident.TopicMeeting, Level: incident.LevelWarning}}
		case []incident.Reason:
			value = []incident.Reason{{Code: incident.ReasonNobodyHosts}}
		case []incident.TemplateError:
			value = []incident.TemplateError{{Code: template.TextNotClosed}}
		case []incident.Adjustment:
			value = []incident.Adjustment{{Code: incident.AdjustedCut, Field: "name", Limit: 200}}
		case []incident.Change:
			value = []incident.Change{{Field: "severity", Before: "SEV3", After: "SEV1"}}
		case []zoom.FieldError:
			value = []zoom.FieldError{{Field: "topic", Message: "Too long."}}
		case incident.NotEnded, incident.Level, incident.Topic, zoom.ProblemCode, incident.ReasonCode, incident.FindingCode, bool:
			continue
		default:
			t.Fatalf("%s.%s is of a type that this test has no value for", v.Type(), name)
		}
		field.Set(reflect.ValueOf(value))
	}
}

var rawCode = regexp.MustCompile(`^[a-z][a-z0-9_ ]*\.?$`)

// wantSentence checks that a text is a sentence that says more than its code.
func wantSentence(t *testing.T, code, text string) {
	t.Helper()
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	wrong := ""
	switch {
	case text == "":
		wrong = "nothing"
	case rawCode.MatchString(text), strings.Contains(code, "_") && strings.Contains(text, code),
		strings.EqualFold(strings.TrimRight(text, "."), strings.ReplaceAll(code, "_", " ")) && text != "Resolved." && text != "Reopened.":
		wrong = "the code itself"
	case !unicode.IsUpper(first) && !unicode.IsDigit(first) && !strings.HasPrefix(text, somebody):
		wrong = "no capital letter"
	case !strings.ContainsRune(".!?…", last):
		wrong = "no end"
	}
	for _, bad := range []string{"  ", "&#", "{", "}", "%!", "“”", "()", " .", " ,", "..", ": .", "<nil>"} {
		if strings.Contains(text, bad) {
			wrong = fmt.Sprintf("%q in it", bad)
		}
	}
	if wrong != "" {
		t.Errorf("%s: %s: %q", code, wrong, text)
	}
}

func TestTimelineWords(t *testing.T) {
	kinds := constants(t, "incident", "TimelineKind")
	for _, c := range kinds {
		var d incident.TimelineData
		if strings.Contains(c.comment, "Field") {
			d.Field = "topic"
		}
		fill(t, &d, c.comment)
		wantSentence(t, c.code, entryWords(incident.TimelineEntry{Kind: incident.TimelineKind(c.code), Data: d}, noon).Says())
		if fix := entryWords(incident.TimelineEntry{Kind: incident.TimelineKind(c.code)}, noon).Fix(); fix != "" {
			wantSentence(t, c.code, fix)
		}
		d.Who, d.Reasons, d.Template = "", nil, nil // may be unknown
		wantSentence(t, c.code, entryWords(incident.TimelineEntry{Kind: incident.TimelineKind(c.code), Data: d}, noon).Says())
	}
	for _, c := range constants(t, "incident", "NotEnded") {
		said := entryWords(incident.TimelineEntry{Kind: incident.EntryNotEnded, Data: incident.TimelineData{Field: c.code}}, noon).Says()
		if wantSentence(t, c.code, said); strings.Contains(said, "but .") {
			t.Errorf("%q has no words: %s", c.code, said)
		}
	}
	agenda := incident.TimelineEntry{Kind: incident.EntryTemplateFailed, Data: incident.TimelineData{Field: "agenda"}}
	wantSentence(t, "agenda", entryWords(agenda, noon).Says())
	if have, want := views.EntryKinds(), slices.Sorted(slices.Values(codes(kinds))); !slices.Equal(have, want) {
		t.Errorf("kinds with a look of their own: %q\nkinds: %q", have, want)
	}
}

func TestReasonWords(t *testing.T) {
	for _, c := range constants(t, "incident", "ReasonCode") {
		r := incident.Reason{Code: incident.ReasonCode(c.code)}
		fill(t, &r, c.comment)
		said := reasonWords(r, noon).Says()
		wantSentence(t, c.code, said.Cause)
		if said.Fix != "" {
			wantSentence(t, c.code, said.Fix)
		}
		for _, in := range []time.Duration{-time.Second, 15 * time.Second} {
			r.RetryAt = noon.Add(in)
			wantSentence(t, c.code, words.Reasons(reasonsWords([]incident.Reason{r, r}, noon)).Fix)
		}
		wantSentence(t, c.code, words.Unknown(reasonsWords([]incident.Reason{r}, noon)).Fix)
	}
}

// withoutFix are findings that are never bad, or that nobody can fix.
var withoutFix = map[incident.FindingCode]string{
	incident.FoundToken:      "is only ever fine",
	incident.FoundUser:       "is only ever fine",
	incident.FoundAtOnce:     "is only ever fine",
	incident.FoundValidated:  "is only ever fine",
	incident.FoundNotSaid:    "may be fine: Zoom didn’t say",
	incident.FoundOtherHost:  "may be fine: nobody can check it",
	incident.FoundStaticLink: "the same",
}

func TestFindingWords(t *testing.T) {
	recordings := constants(t, "incident", "Recording")
	for _, c := range constants(t, "incident", "FindingCode") {
		for _, level := range []incident.Level{incident.LevelOK, incident.LevelUnknown, incident.LevelWarning, incident.LevelBad} {
			f := incident.Finding{Code: incident.FindingCode(c.code), Level: level, Topic: incident.TopicSettings}
			if level == incident.LevelOK && f.Code == incident.FoundScopes {
				f.Feature = zoom.OpenBridge // nothing is missing
			} else {
				fill(t, &f, c.comment)
			}
			line := checkLine(f, noon)
			wantSentence(t, c.code, line.Reason)
			if strings.TrimSpace(line.Subject) == "" || strings.HasSuffix(line.Subject, ".") {
				t.Errorf("%s: the subject is %q", c.code, line.Subject)
			}
			if line.Fix != "" {
				wantSentence(t, c.code, line.Fix)
			} else if level != incident.LevelOK && level != incident.LevelUnknown && withoutFix[f.Code] == "" {
				t.Errorf("%s: %q, and nothing to do about it", c.code, line.Reason)
			}
			if len(incident.KeepingOut([]incident.Finding{f})) > 0 || f.Code == incident.FoundOtherHost || f.Code == incident.FoundStaticLink {
				v := findingWords(f, noon).Verdict()
				wantSentence(t, c.code, v.Title+".")
				if v.State == "unknown" {
					t.Errorf("%s has no verdict", c.code)
				}
			}
			if line.Level != views.Level(level) {
				t.Errorf("%s: %s is shown as %s", c.code, level, line.Level)
			}
		}
	}
	for _, set := range recordings {
		for _, asked := range recordings {
			wantSentence(t, "other_recording", checkLine(incident.Finding{Code: incident.FoundOtherRecording, Value: set.code, Asked: asked.code}, noon).Reason)
		}
	}
	backup := checkLine(incident.Finding{Code: incident.FoundUser, Topic: incident.TopicBackupUser, Email: somebody}, noon)
	if backup.Subject != "Backup user "+somebody {
		t.Errorf("the backup user is shown as %q", backup.Subject)
	}
}

func TestProblemWords(t *testing.T) {
	for _, c := range constants(t, "zoom", "ProblemCode") {
		for _, filled := range []bool{true, false} {
			for _, host := range []string{somebody, ""} {
				p := zoom.Problem{Code: zoom.ProblemCode(c.code), Status: 503, ZoomCode: 3000}
				if filled {
					fill(t, &p, c.comment)
				}
				said := reasonWords(incident.Reason{Code: incident.ReasonZoom, Host: host, Zoom: &p}, noon).Says()
				wantSentence(t, c.code, said.Cause)
				wantSentence(t, c.code, said.Fix)
				p.MaybeCreated = true
				wantSentence(t, c.code, reasonWords(incident.Reason{Code: incident.ReasonZoom, Host: host, Zoom: &p}, noon).Says().Cause)
			}
		}
	}
}

func TestOtherWords(t *testing.T) {
	for _, c := range constants(t, "incident", "Difference") {
		for _, number := range []int64{0, 42} {
			r := incident.Reprocessed{Differences: []incident.Difference{incident.Difference(c.code)}, Incident: number, Was: incident.BridgeReady, Is: incident.BridgeLive}
			wantSentence(t, c.code, reprocessedWords(r).Says())
		}
	}
	for _, c := range constants(t, "incident", "AdjustmentCode") {
		wantSentence(t, c.code, "Change: "+adjustmentWords(incident.Adjustment{Code: incident.AdjustmentCode(c.code), Field: "name", Limit: 200}).Says())
	}
	for _, c := range constants(t, "incident", "ReadProblem") {
		wantSentence(t, c.code, words.Unreadable(c.code))
	}
	for _, c := range constants(t, "zoom", "Feature") {
		wantSentence(t, c.code, words.Feature(c.code)+".")
	}
	for _, c := range rejections(t) {
		reason, advice := words.Rejection(c)
		if strings.HasPrefix(reason, "because of ") {
			t.Errorf("%s has no words", c)
		}
		wantSentence(t, c, advice)
	}
	for _, c := range constants(t, "incident", "AuditAction") {
		if !slices.Contains(words.AuditActions(""), c.code) {
			t.Errorf("%s has no words", c.code)
		}
	}
	for _, c := range constants(t, "incident", "StepKind") {
		wantSentence(t, c.code, words.StepKind(c.code)+".")
		wantSentence(t, c.code, words.StepDoes(c.code))
	}
	for _, trigger := range incident.Triggers {
		wantSentence(t, string(trigger), words.Trigger(string(trigger))+".")
		for _, c := range constants(t, "incident", "OutlookCode") {
			o := words.StepOutlook{Code: c.code, Left: 2, Schedule: words.Schedule{When: string(trigger), After: "Tell people", Wait: 5}}
			if says := o.Says(); c.code != string(incident.OutlookNone) && c.code != string(incident.OutlookMissed) && c.code != string(incident.OutlookNow) && says == "" {
				t.Errorf("the outlook %s has no words", c.code)
			}
			if says := o.Schedule.Says() + o.Says(); strings.ContainsAny(says, "{}") {
				t.Errorf("%s: %q", trigger, says)
			}
		}
	}
	for _, e := range zoom.EventTypes {
		wantSentence(t, e.Name, words.EventUse(e.Name))
		for _, who := range []string{"", "Ana"} {
			for _, number := range []int64{0, 42} {
				if text := words.Event(e.Name, who, number); text == "Zoom says: "+words.EventName(e.Name)+"." {
					t.Errorf("%s has no words", e.Name)
				} else {
					wantSentence(t, e.Name, text)
				}
			}
		}
	}
	known := codes(constants(t, "incident", "Level"))
	if shown := codes(constants(t, "views", "Level")); !slices.Equal(shown, known) {
		t.Errorf("levels of findings: %q, of pages: %q", known, shown)
	}
}

// rejections are the codes that are counted. Those of a missing token and of a challenge
// have a code of the service.
func rejections(t *testing.T) []string {
	list := append(codes(constants(t, "incident", "Rejection")), codes(constants(t, "zoom", "VerifyProblem"))...)
	return slices.DeleteFunc(list, func(c string) bool {
		return c == string(zoom.NoSecret) || c == string(zoom.MalformedPlainToken)
	})
}

// noSample are events of Zoom that zoom/testdata/events has no sample of.
var noSample = []string{"recording.resumed", "user.signed_out"}

func TestDrillWords(t *testing.T) {
	levels := codes(constants(t, "incident", "Level"))
	for _, c := range constants(t, "incident", "DrillStageCode") {
		for _, level := range levels {
			s := incident.DrillStage{Code: incident.DrillStageCode(c.code), Level: incident.Level(level), Took: time.Second, Rung: incident.RungOpener, Host: somebody}
			if level == string(incident.LevelBad) {
				fill(t, &s, "Reasons")
			}
			wantSentence(t, c.code, drillWords(s, noon).Says().Cause)
		}
		wantSentence(t, c.code, words.DrillNow(c.code))
		wantSentence(t, c.code, words.DrillSubject(c.code)+", as a title.")
	}
	for _, level := range append(levels, "") {
		wantSentence(t, level, words.DrillResult(level)+", as a title.")
	}
	for _, c := range codes(constants(t, "incident", "DrillSchedule")) {
		wantSentence(t, c, words.DrillSchedule(c)+", as a title.")
	}
}

func TestLeftoverWords(t *testing.T) {
	for _, c := range codes(constants(t, "incident", "LeftoverWhy")) {
		wantSentence(t, c, words.LeftoverWhy(c))
	}
	for _, c := range codes(constants(t, "incident", "LeftoverOutcome")) {
		wantSentence(t, c, words.Leftover{Outcome: c}.Says().Cause)
	}
	for _, c := range codes(constants(t, "incident", "LeftoverReason")) {
		said := words.Leftover{Outcome: "kept", Kept: c, Reasons: []words.Reason{{Code: "zoom_silent"}}}.Says()
		wantSentence(t, c, said.Cause)
		wantSentence(t, c, said.Fix)
	}
}

func TestStuckWords(t *testing.T) {
	for _, c := range codes(constants(t, "incident", "Code")) {
		wantSentence(t, c, words.Stuck(c, nil))
	}
	wantSentence(t, "fields", words.Stuck("invalid", []string{"name", "runbook"}))
}

func TestPreviewWords(t *testing.T) {
	for _, rung := range incident.MeetingRungs {
		wantSentence(t, string(rung), words.PreviewHost{Rung: string(rung)}.Role()+", as a title.")
	}
	for _, rung := range append(codes(constants(t, "incident", "Rung")), "") {
		for _, checked := range []bool{false, true} {
			wantSentence(t, rung, words.PreviewLink(rung, somebody, "War room", checked))
		}
		wantSentence(t, rung, words.PreviewLink(rung, somebody, "", true))
	}
	for had := range 3 {
		wantSentence(t, "storm", words.PreviewStorm(had, 2))
	}
	wantSentence(t, "storm", words.PreviewStorm(0, 0))
	for _, c := range []incident.FindingCode{incident.FoundUserInactive, incident.FoundUserMayNotHost, incident.FoundUserUnknown} {
		said := findingWords(incident.Finding{Code: c, Email: somebody, Value: "inactive", Zoom: &zoom.Problem{Code: zoom.ProblemNoSuchUser}}, noon)
		wantSentence(t, string(c), words.PreviewHost{Asked: true, Finding: &said}.Says())
	}
	for _, h := range []words.PreviewHost{{Chosen: true}, {Chosen: true, Unchecked: true}, {}, {Why: &words.Reason{Code: "host_busy", Host: somebody, Count: 1}}, {Why: &words.Reason{Code: "reserved", Host: somebody, Count: 1}, RestsFor: time.Hour}} {
		wantSentence(t, "host", h.Says())
	}
}

// TestWordsOfCodesThatExist checks that every code that package words compares with, or
// has in a table, is a code of the program.
func TestWordsOfCodesThatExist(t *testing.T) {
	events := slices.Clone(noSample)
	samples, err := filepath.Glob("../zoom/testdata/events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range samples {
		events = append(events, strings.TrimSuffix(filepath.Base(name), ".json"))
	}
	var families []string
	for _, e := range events {
		families = append(families, incident.EventFamily(e))
	}
	of := func(dir, typ string) []string { return codes(constants(t, dir, typ)) }
	recordings := of("incident", "Recording")
	changed := append(append(of("incident", "SecretName"), of("incident", "Setting")...), "backup_user_email") // the last of entries before version 19 of the schema
	for _, v := range []any{incident.Account{}, incident.StaticLink{}, incident.MeetingTemplate{}, incident.RetentionRule{}, incident.GapLook{}, incident.DrillPlan{}} {
		for f := range reflect.TypeOf(v).Fields() {
			changed = append(changed, f.Tag.Get("json"))
		}
	}
	var conditionFields, conditionValues []string
	for _, f := range incident.ConditionFields {
		conditionFields, conditionValues = append(conditionFields, f.Name), append(conditionValues, f.Values...)
	}
	edited := []string{"severity", "opener_email", "vars"} // fields of an incident
	changed = append(changed, edited...)
	// Which codes each field, parameter, variable or table may have: a parameter or variable
	// is named after its function.
	may := map[string][]string{
		"Entry.Kind": of("incident", "TimelineKind"), "entryTexts": of("incident", "TimelineKind"), "Entry.Field": {"topic", "agenda"}, "mends": of("incident", "FindingCode"),
		"Reason.Code": append(of("incident", "ReasonCode"), ""), "reasonTexts": of("incident", "ReasonCode"),
		"Finding.Code": of("incident", "FindingCode"), "Finding.Topic": of("incident", "Topic"), "Finding.Feature": of("zoom", "Feature"),
		"Finding.Value": recordings, "Finding.Asked": recordings, "Meeting.Recording": recordings,
		"Problem.Code": of("zoom", "ProblemCode"), "problemTexts": of("zoom", "ProblemCode"), "tryAgain": of("zoom", "ProblemCode"),
		"findingTexts": of("incident", "FindingCode"), "settingTexts": of("incident", "FindingCode"), "settingStates": of("incident", "FindingCode"),
		"difference d": of("incident", "Difference"), "differences": of("incident", "Difference"), "unreadable": of("incident", "ReadProblem"),
		"verdictTexts": of("incident", "FindingCode"), "settingNames": of("incident", "Setting"), "audio": {"telephony", "voip", "thirdParty"},
		"features": of("zoom", "Feature"), "stepKinds": of("incident", "StepKind"),
		"triggerTexts": of("incident", "Trigger"), "Schedule.When": of("incident", "Trigger"), "outcomeTexts": of("incident", "Outcome"), "comparisonTexts": of("incident", "Comparison"),
		"fieldTexts": conditionFields, "valueTexts": append(conditionFields, conditionValues...), "StepOutlook.Code": of("incident", "OutlookCode"),
		"adjustmentTexts": of("incident", "AdjustmentCode"), "auditActions": of("incident", "AuditAction"), "Audit code": of("incident", "AuditAction"), "fields": changed,
		"families": families, "eventNames": events, "eventSentences": events, "eventUses": events, "rejections": rejections(t),
		"Actor kind": of("incident", "ActorKind"), "Change.Field": edited, "Alarm.Code": of("incident", "Alarm"), "Alarm.Help": of("incident", "Help"), "alarmTexts": of("incident", "Alarm"), "notEnded": of("incident", "NotEnded"), "stuckIn": of("incident", "Place"),
		"DrillStage.Code": of("incident", "DrillStageCode"), "drillStages": of("incident", "DrillStageCode"), "DrillStage.Level": of("incident", "Level"),
		"PreviewLink rung": of("incident", "Rung"), "previewRoles": of("incident", "Rung"),
		"Stuck code": of("incident", "Code"), "bridgeState state": of("incident", "BridgeState"), "leftoverWhys": of("incident", "LeftoverWhy"), "leftoverOutcomes": of("incident", "LeftoverOutcome"), "leftoverKept": of("incident", "LeftoverReason"),
		"drillResults": of("incident", "Level"), "drillSchedules": of("incident", "DrillSchedule"),
	}
	met := map[string]bool{}
	met["Reason.Code"] = true
	check := func(where string, e ast.Expr) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		code, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		met[where] = true
		if list, ok := may[where]; !ok && code != "" {
			t.Errorf("%q is compared with %s, and this test doesn’t know what that can be", code, where)
		} else if code != "" && !slices.Contains(list, code) {
			t.Errorf("%s: nothing makes %q", where, code)
		}
	}
	for _, file := range files(t, "views/words") {
		for _, decl := range file.Decls {
			f, _ := decl.(*ast.FuncDecl)
			receiver := map[string]string{} // its name and type
			if f != nil && f.Recv != nil {
				receiver[f.Recv.List[0].Names[0].Name] = f.Recv.List[0].Type.(*ast.Ident).Name
			}
			// name is the name of an expression in the table above.
			name := func(e ast.Expr) string {
				switch e := e.(type) {
				case *ast.SelectorExpr:
					if id, ok := e.X.(*ast.Ident); ok && receiver[id.Name] != "" {
						return receiver[id.Name] + "." + e.Sel.Name
					}
				case *ast.Ident:
					if f != nil {
						return f.Name.Name + " " + e.Name
					}
				}
				return ""
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SwitchStmt:
					for _, clause := range n.Body.List {
						for _, e := range clause.(*ast.CaseClause).List {
							if n.Tag != nil {
								check(name(n.Tag), e)
							}
						}
					}
				case *ast.BinaryExpr:
					if n.Op == token.EQL || n.Op == token.NEQ {
						check(name(n.X), n.Y)
					}
				case *ast.ValueSpec:
					for i, value := range n.Values {
						table, _ := value.(*ast.CompositeLit)
						if table == nil {
							continue
						}
						if _, ok := table.Type.(*ast.MapType); !ok {
							continue
						}
						for _, e := range table.Elts {
							check(n.Names[i].Name, e.(*ast.KeyValueExpr).Key)
						}
					}
				}
				return true
			})
		}
	}
	for where := range may {
		if !met[where] {
			t.Errorf("nothing is compared with %s any more", where)
		}
	}
}

// TestCodesAreMade checks that the program uses every code outside its own
// declaration.
func TestCodesAreMade(t *testing.T) {
	used := map[string]map[string]bool{} // by package and name
	for _, dir := range []string{"incident", "zoom", "db", "handlers", "cli"} {
		own := filepath.Base(dir)
		for _, file := range files(t, dir) {
			ast.Inspect(file, func(n ast.Node) bool {
				pkg, name := own, ""
				switch n := n.(type) {
				case *ast.ValueSpec: // its names are no use of it
					for _, value := range n.Values {
						ast.Inspect(value, func(n ast.Node) bool {
							if id, ok := n.(*ast.Ident); ok {
								used[own] = with(used[own], id.Name)
							}
							return true
						})
					}
					return false
				case *ast.SelectorExpr:
					if id, ok := n.X.(*ast.Ident); ok {
						pkg, name = id.Name, n.Sel.Name
					}
				case *ast.Ident:
					name = n.Name
				}
				used[pkg] = with(used[pkg], name)
				return true
			})
		}
	}
	for _, typ := range closed {
		for _, c := range constants(t, typ.dir, typ.typ) {
			if !used[typ.dir][c.name] {
				t.Errorf("%s.%s: nothing makes it", typ.dir, c.name)
			}
		}
	}
}

func with(set map[string]bool, name string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[name] = true
	return set
}

// No two types of different families share a name.
func TestEventName(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		"meeting.started":                 "meeting started",
		"webinar.started":                 "webinar started",
		"meeting.participant_joined":      "participant joined",
		"webinar.participant_joined":      "webinar participant joined",
		"recording.completed":             "recording completed",
		"user.signed_in":                  "user signed in",
		"phone.callee_answered":           "phone callee answered",
		"meeting.participant_jbh_waiting": "participant waits for the host",
		"app_deauthorized":                "app deauthorized",
		"":                                "",
	} {
		if got := words.EventName(event); got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

// Once somebody is inside, no other link is offered, and the host in the call can admit people.
func TestAlarmAdviceInCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		alarm words.Alarm
		want  string
	}{
		{"may start", words.Alarm{Runs: true, MayStart: true}, "Ask the host in the call to admit them. If there is none, start the meeting as host."},
		{"knows the host", words.Alarm{Runs: true, Host: "bo@example.com"}, "Ask the host in the call to admit them. If there is none, ask bo@example.com or an admin to start it as host."},
		{"knows no host", words.Alarm{Runs: true}, "Ask the host in the call to admit them. If there is none, ask an admin to start it as host."},
		{"nobody is inside", words.Alarm{MayStart: true}, "Start the meeting as host and admit them, or use another link."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.alarm.Code, tt.alarm.Place, tt.alarm.Count = "stuck", "room", 2
			if got := tt.alarm.Says(); got.Text != "They are in Zoom’s waiting room. "+tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// While people can't get in, an alarm doesn't ask to send them the link.
func TestAlarmAdvice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		alarm words.Alarm
		want  string
	}{
		{"everyone can get in", words.Alarm{}, "Send the link to the people who should be there, or resolve the incident."},
		{"its host is busy", words.Alarm{HostFull: true, Help: "use_another_link"}, "Its host runs another call, and most hosts can run only one. Use another link, or end the other call."},
		{"shared", words.Alarm{Help: "use_another_link"}, "People may not get in. Use another link, then send it to the people who should be there."},
		{"needs its host", words.Alarm{Help: "start_as_host", MayStart: true}, "People may not get in before a host. Start the meeting as host, or use another link."},
		{"needs another host", words.Alarm{Help: "start_as_host", Host: "bo@example.com"}, "Ask bo@example.com or an admin to start it as host, or use another link."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.alarm.Code, tt.alarm.Length = "nobody", 10
			if got := tt.alarm.Says(); got.Title != "Nobody has joined for 10 minutes" || got.Text != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}
