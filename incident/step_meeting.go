package incident

import (
	"context"
	"slices"
	"strings"
	"time"
)

// createMeeting gives the incident a bridge.
var createMeeting = stepKind{
	kind:  StepCreateMeeting,
	check: checkMeeting,
	begin: func(s *Service, i Incident, run *StepRun) StepsChange {
		b := s.newBridge(*run)
		b.IncidentNumber = i.Number
		run.State = StepScheduled
		return StepsChange{Bridges: []Bridge{b}, Jobs: []Job{s.newJob(JobRunStep, run.ID, s.now())}}
	},
	do: func(s *Service, ctx context.Context, run StepRun, _ Job) (why Reason, again time.Time, err error) {
		return Reason{}, time.Time{}, s.climb(ctx, run)
	},
}

func checkMeeting(step *Step, p string, vars []string, fields map[string]string) {
	m := &step.Meeting
	m.Topic, m.Agenda = strings.TrimSpace(m.Topic), strings.TrimSpace(lineEnds.Replace(m.Agenda))
	if m.Topic == "" {
		fields[p+"topic"] = "Give the meeting a topic."
	}
	stepTemplate(p+"topic", m.Topic, vars, fields)
	stepTemplate(p+"agenda", m.Agenda, vars, fields)
	if m.Recording == "" {
		m.Recording = RecordingNone
	}
	if !slices.Contains([]Recording{RecordingNone, RecordingLocal, RecordingCloud}, m.Recording) {
		fields[p+"recording"] = "Choose none, cloud or local."
	}
	if m.DurationMinutes == 0 {
		m.DurationMinutes = 60
	}
	if m.DurationMinutes < 1 || m.DurationMinutes > 24*60 {
		fields[p+"duration_minutes"] = "Enter a length from 1 to 1440 minutes."
	}
	for key, minutes := range map[string]int{"alarm_nobody_minutes": m.NobodyMinutes, "alarm_empty_minutes": m.EmptyMinutes} {
		if minutes < 0 || minutes > 24*60 {
			fields[p+key] = "Enter 1 to 1440 minutes, or 0 for no alarm."
		}
	}
	if m.LongHours < 0 || m.LongHours > 7*24 {
		fields[p+"alarm_long_hours"] = "Enter 1 to 168 hours, or 0 for no alarm."
	}
	if m.EndEmpty && m.EmptyMinutes == 0 {
		fields[p+"alarm_empty_minutes"] = "Enter after how many minutes an empty call is ended."
	}
	if m.Host == "" {
		m.Host = HostOpener
	}
	if m.Host != HostOpener && m.Host != HostBackup {
		fields[p+"host"] = "Choose the opener with the backup user as a fallback, or always a backup user."
	}
	if m.WaitingRoom && m.JoinBeforeHost {
		m.JoinBeforeHost = false // Zoom: a waiting room switches join before host off
	}
	var hosts []string
	for _, h := range m.AlternativeHosts {
		if h = CanonicalEmail(h); h == "" {
			continue
		}
		if !validEmail(h) || strings.ContainsAny(h, ";,") {
			fields[p+"alternative_hosts"] = "“" + cutRunes(h, 60) + "” isn’t an email address."
		}
		hosts = append(hosts, h)
	}
	if m.AlternativeHosts = hosts; len(hosts) > 10 {
		fields[p+"alternative_hosts"] = "Use at most 10 alternative hosts."
	}
}
