package incident

import (
	"context"
	"strings"
	"unicode/utf8"
)

// Preview is a meeting template filled in.
type Preview struct {
	Topic, Agenda             string
	TopicErrors, AgendaErrors []TemplateError
	TopicLength, AgendaLength int // in characters, before they are cut
	WillAsk                   []string
}

// Preview fills in a step's templates with the data of an incident, or with a
// sample (number 0) in which the runbook's variables have their defaults.
func (s *Service) Preview(ctx context.Context, m MeetingTemplate, vars []Variable, number int64) (Preview, error) {
	data := SampleTemplateData()
	if number > 0 {
		i, err := s.store.Incident(ctx, number)
		if err != nil {
			return Preview{}, err
		}
		data = s.templateData(i)
	}
	if data.Vars == nil {
		data.Vars = map[string]string{}
	}
	names := Runbook{Variables: vars}.VariableNames()
	for _, v := range vars {
		if data.Vars[v.Name] != "" {
			continue
		}
		switch {
		case v.Default != "":
			data.Vars[v.Name] = v.Default
		case len(v.Choices) > 0:
			data.Vars[v.Name] = v.Choices[0]
		default:
			data.Vars[v.Name] = v.label()
		}
	}
	p := Preview{WillAsk: willAsk(m)}
	p.Topic, p.TopicLength, p.TopicErrors = previewOne(m.Topic, names, data, maxTopic)
	p.Topic = oneLine(p.Topic)
	p.Agenda, p.AgendaLength, p.AgendaErrors = previewOne(m.Agenda, names, data, maxAgenda)
	return p, nil
}

func previewOne(src string, names []string, data TemplateData, limit int) (out string, length int, wrong []TemplateError) {
	out, wrong = renderTemplate(strings.TrimSpace(src), names, data, 4*limit)
	return cutRunes(out, limit), utf8.RuneCountInString(out), wrong
}

// willAsk says in words what Zoom will be asked for.
func willAsk(m MeetingTemplate) []string {
	var list []string
	add := func(yes bool, text string) {
		if yes {
			list = append(list, text)
		}
	}
	add(m.Host != HostBackup, "A meeting hosted by the opener, or by the backup user when the opener cannot")
	add(m.Host == HostBackup, "A meeting hosted by the backup user")
	add(true, "An id of its own, never a personal meeting id")
	add(true, "A passcode")
	add(m.JoinBeforeHost && !m.WaitingRoom, "Anybody with the link may come in before the host")
	add(!m.JoinBeforeHost && !m.WaitingRoom, "People wait for the host")
	add(m.WaitingRoom, "People wait in the waiting room until a host lets them in")
	add(m.Recording == "cloud", "Recording to the cloud, from the start")
	add(m.Recording == "local", "Recording on the host’s computer, from the start")
	add(m.Recording == "none" || m.Recording == "", "No recording by itself")
	add(len(m.AlternativeHosts) > 0, "Alternative hosts: "+strings.Join(m.AlternativeHosts, ", "))
	return list
}
