package incident

import (
	"context"
	"strings"
	"unicode/utf8"
)

// Preview is a rendered meeting template. A text with errors is "".
type Preview struct {
	Topic, Agenda             string
	PlainTopic                string // the topic of the meeting if Topic is ""
	TopicErrors, AgendaErrors []TemplateError
	TopicHints, AgendaHints   []TemplateError // what works but may surprise
	TopicLength, AgendaLength int             // in characters, before truncation
}

// Preview renders a step's templates with the data of an incident. If number is 0
// it uses sample data, in which the runbook's variables have their defaults.
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
	var p Preview
	p.Topic, p.TopicLength, p.TopicErrors = previewOne(m.Topic, names, data, MaxTopic)
	p.Topic, p.PlainTopic = oneLine(p.Topic), plainTopic(data.Incident)
	p.TopicHints, p.AgendaHints = templateHints(strings.TrimSpace(m.Topic), names), templateHints(strings.TrimSpace(m.Agenda), names)
	p.Agenda, p.AgendaLength, p.AgendaErrors = previewOne(m.Agenda, names, data, MaxAgenda)
	return p, nil
}

func previewOne(src string, names []string, data TemplateData, limit int) (out string, length int, wrong []TemplateError) {
	if out, wrong = renderTemplate(strings.TrimSpace(src), names, data, 4*limit); len(wrong) > 0 {
		return "", 0, wrong
	}
	return cutRunes(out, limit), utf8.RuneCountInString(out), wrong
}
