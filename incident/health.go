package incident

import (
	"slices"
	"time"
)

// Zoom validates a webhook address every 72 hours and disables a subscription
// after six failures in a row (Zoom, "Webhooks").
const (
	validationEvery   = 72 * time.Hour
	validationMargin  = 8 * time.Hour // Zoom's validation is never this late
	ValidationsToFail = 6
)

// How long Zoom may send no events before we report it: no events at all while
// any bridge is live, or none about the meeting of a live bridge.
const (
	silenceOfAll = time.Hour
	silenceOfOne = 3 * time.Hour
	// eventLag is how much later than its call an event may come.
	eventLag = time.Minute
)

// lateDelivery is shorter than five minutes, after which Zoom first retries a
// failed delivery.
const lateDelivery = 4 * time.Minute

// EventTimes are the times of one event that Zoom delivered.
type EventTimes struct {
	ReceivedAt, SignedAt, EventAt time.Time
	Stale                         bool
}

// EventCount is the number of events of one type.
type EventCount struct {
	Event string
	Count int64
}

// LiveCall is a bridge with people in it.
type LiveCall struct {
	IncidentNumber int64
	LastEventAt    time.Time // of its meeting; the start of the bridge if there is none
}

// StartedCall is a call that has begun, and whether an event of Zoom said so.
type StartedCall struct {
	IncidentNumber int64
	At             time.Time
	Told           bool
}

// DeliveryFacts is what is stored about Zoom's deliveries.
type DeliveryFacts struct {
	LastEventAt time.Time
	Recent      []EventTimes // of the last day, newest first, limited in number
	LastDay     []EventCount // by type, most frequent first
	Live        []LiveCall
	Started     []StartedCall // the calls of the newest bridges of the last day, newest first
	Looks       []GapLook     // of the last seven days, newest first
}

// Health describes Zoom's webhook deliveries to us.
type Health struct {
	LastEventAt       time.Time
	ValidatedAt       time.Time // zero: never
	ValidationDue     time.Time // zero if never validated
	FailedValidations int       // in a row; ValidationsToFail is too many
	Median, P95       time.Duration
	Measured          int // number of events behind Median and P95
	LastDay           []EventCount
	Looks             []GapLook
	Lines             []Finding // findings about webhook, silence, gaps and delay
}

// Level returns the worst level of the lines.
func (h Health) Level() Level { return WorstLevel(h.Lines) }

// Health judges the facts. skew is how far Zoom's clock is ahead of ours.
func (a Account) Health(f DeliveryFacts, skew time.Duration, now time.Time) Health {
	h := Health{LastEventAt: f.LastEventAt, ValidatedAt: a.WebhookValidatedAt, LastDay: f.LastDay, Looks: f.Looks, FailedValidations: a.failedValidations(now)}
	if !h.ValidatedAt.IsZero() {
		h.ValidationDue = h.ValidatedAt.Add(validationEvery)
	}
	if len(a.Secrets) > 0 { // before, nobody has told Zoom to send anything
		h.Lines = append(h.Lines, a.WebhookFinding(now))
	}
	if tokens, _ := a.WebhookTokens(); len(tokens) > 0 {
		h.Lines = append(h.Lines, untold(f.Started, now)...)
	}
	h.Lines = append(h.Lines, silence(f, now)...)
	h.Lines = append(h.Lines, gaps(f.Looks, now)...)

	var delays []time.Duration
	for _, e := range f.Recent {
		// Zoom gives up after 85 minutes. A longer delay is not the delay of a
		// delivery.
		if delay := e.ReceivedAt.Add(skew).Sub(e.EventAt); !e.EventAt.IsZero() && delay <= signedBefore {
			delays = append(delays, max(0, delay))
		}
	}
	h.Measured = len(delays)
	if h.Measured == 0 {
		return h
	}
	slices.Sort(delays)
	h.Median, h.P95 = delays[len(delays)/2], delays[len(delays)*95/100]
	if h.P95 > lateDelivery && h.Measured >= 20 {
		h.Lines = append(h.Lines, Finding{Code: FoundLate, Topic: TopicDelay, Level: LevelWarning, Span: lateDelivery})
	}
	return h
}

// failedValidations estimates how many validations in a row have failed. It
// counts validations that are overdue, and those that failed according to Zoom's
// log of deliveries. It does not count requests with a wrong signature: anyone
// can send those, and could raise false alarms.
func (a Account) failedValidations(now time.Time) int {
	if a.WebhookValidatedAt.IsZero() {
		return 0
	}
	failed := max(0, int((now.Sub(a.WebhookValidatedAt)-validationMargin)/validationEvery))
	if a.ValidationFailedAt.After(a.WebhookValidatedAt) {
		failed = max(failed, a.LoggedFailures)
	}
	return failed
}

// WebhookFinding says whether Zoom can deliver events to us.
func (a Account) WebhookFinding(now time.Time) Finding {
	found := func(level Level, f Finding) Finding {
		f.Topic, f.Level = TopicWebhook, level
		return f
	}
	tokens, locked := a.WebhookTokens()
	failed, since := a.failedValidations(now), now.Sub(a.WebhookValidatedAt)
	switch {
	case locked:
		return found(LevelBad, Finding{Code: FoundWebhookLocked})
	case len(tokens) == 0:
		return found(LevelBad, Finding{Code: FoundNoWebhookToken})
	case a.WebhookValidatedAt.IsZero():
		return found(LevelWarning, Finding{Code: FoundNotValidated})
	case failed >= ValidationsToFail:
		return found(LevelBad, Finding{Code: FoundValidationsEnded, Span: since, Count: failed})
	case failed >= 4:
		return found(LevelBad, Finding{Code: FoundValidationsFailed, Span: since, Count: failed})
	case failed > 0:
		return found(LevelWarning, Finding{Code: FoundValidationsFailed, Span: since, Count: failed})
	}
	return found(LevelOK, Finding{Code: FoundValidated})
}

// silence returns a finding if Zoom should have sent events but did not.
func silence(f DeliveryFacts, now time.Time) []Finding {
	if len(f.Live) == 0 {
		return nil
	}
	quietest, last := f.Live[0], f.LastEventAt
	for _, c := range f.Live {
		if c.LastEventAt.Before(quietest.LastEventAt) {
			quietest = c
		}
		if c.LastEventAt.After(last) {
			last = c.LastEventAt
		}
	}
	found := Finding{Topic: TopicSilence, Level: LevelWarning}
	if quiet := now.Sub(last); quiet > silenceOfAll {
		found.Code, found.Span, found.Incident = FoundSilence, quiet, f.Live[0].IncidentNumber
	} else if quiet := now.Sub(quietest.LastEventAt); quiet > silenceOfOne {
		found.Code, found.Span, found.Incident = FoundSilenceOfMeeting, quiet, quietest.IncidentNumber
	} else {
		return nil
	}
	return []Finding{found}
}

// untold returns a finding if the last call began without an event, so that Drawbridge knew
// only by asking.
func untold(calls []StartedCall, now time.Time) []Finding {
	for _, c := range calls {
		switch {
		case c.Told:
			return nil
		case now.Sub(c.At) > eventLag:
			return []Finding{{Code: FoundUntold, Topic: TopicSilence, Level: LevelWarning, Span: now.Sub(c.At), Incident: c.IncidentNumber}}
		}
	}
	return nil
}

// gaps returns what the checks of the last day found, and why the last one did
// not finish.
func gaps(looks []GapLook, now time.Time) (list []Finding) {
	recovered, lost := 0, 0
	for _, l := range looks {
		if now.Sub(l.At) < 24*time.Hour {
			recovered += l.Recovered
			lost += l.Lost
		}
	}
	if recovered > 0 {
		list = append(list, Finding{Code: FoundRecovered, Topic: TopicGaps, Level: LevelWarning, Count: recovered})
	}
	if lost > 0 {
		list = append(list, Finding{Code: FoundLost, Topic: TopicGaps, Level: LevelWarning, Count: lost})
	}
	if len(looks) > 0 && looks[0].Problem.Code != "" {
		list = append(list, Finding{Code: FoundLookUnfinished, Topic: TopicGaps, Level: LevelWarning, Reason: &looks[0].Problem})
	}
	return list
}

// ClockSkew returns how far Zoom's clock is ahead of ours, and false if that is
// unknown.
func (s *Service) ClockSkew() (time.Duration, bool) {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client == nil {
		return 0, false
	}
	return client.Skew()
}

// Clock says what is wrong with the clock of this server. The zero Clock means
// that nothing is.
type Clock struct {
	Ahead  time.Duration // negative: behind; zero: no known error
	Stale  int           // number of the last Events that were signed outside the time window
	Events int
}

const (
	clockOff       = time.Minute
	clockWitnesses = 3 // events needed to judge the clock without an answer of Zoom
	staleMany      = 5
)

// JudgeClock compares our clock with Zoom's. It prefers skew, from the Date
// headers of Zoom's answers, if known is true. Otherwise it uses the signature
// times of recent events. An event cannot be signed after it arrived, and at
// least one of the last few arrived quickly. The largest difference between
// signature and arrival therefore shows how far Zoom's clock is ahead.
func JudgeClock(skew time.Duration, known bool, recent []EventTimes, now time.Time) Clock {
	var c Clock
	largest, witnesses := time.Duration(0), 0
	for _, e := range recent {
		if age := now.Sub(e.ReceivedAt); age > time.Hour || age < -time.Hour {
			break
		}
		if ahead := e.SignedAt.Sub(e.ReceivedAt); witnesses == 0 || ahead > largest {
			largest = ahead
		}
		witnesses++
		c.Events++
		if e.Stale {
			c.Stale++
		}
		if witnesses == 20 {
			// The clock may have been corrected since, so older events do not
			// count.
			if !known {
				skew, known = largest, true
			}
		}
	}
	if !known && witnesses >= clockWitnesses {
		skew = largest
	}
	if skew.Abs() > clockOff {
		c.Ahead = -skew
	}
	if c.Stale < staleMany || c.Stale*10 <= c.Events {
		c.Stale = 0
	}
	return c
}
