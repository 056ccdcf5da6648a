package incident

import (
	"slices"
	"time"
)

// Zoom validates a webhook address every 72 hours and turns a subscription off
// after six failures in a row (Zoom, "Webhooks").
const (
	validationEvery   = 72 * time.Hour
	validationMargin  = 8 * time.Hour // Zoom is not late for as long as that
	ValidationsToFail = 6
)

// How long Zoom may say nothing before that is worth a look: nothing at all
// while a bridge is live, and nothing of the meeting of a bridge that is.
const (
	silenceOfAll = time.Hour
	silenceOfOne = 3 * time.Hour
)

// A delivery that fails is tried again after five minutes.
const lateDelivery = 4 * time.Minute

// EventTimes are the moments of one event that Zoom delivered.
type EventTimes struct {
	ReceivedAt, SignedAt, EventAt time.Time
	Stale                         bool
}

// EventCount is how many events of a type there were.
type EventCount struct {
	Event string
	Count int64
}

// LiveCall is a bridge that people are in.
type LiveCall struct {
	IncidentNumber int64
	LastEventAt    time.Time // of its meeting; its start when there is none
}

// DeliveryFacts is what is stored of how Zoom talks to us.
type DeliveryFacts struct {
	LastEventAt time.Time
	Recent      []EventTimes // of the last day, newest first, a bounded number
	LastDay     []EventCount // by type, most first
	Live        []LiveCall
	Looks       []GapLook // of the last seven days, newest first
}

// Health says whether Zoom is still talking to us.
type Health struct {
	LastEventAt       time.Time
	ValidatedAt       time.Time // zero: never
	ValidationDue     time.Time // zero when never validated
	FailedValidations int       // in a row, of ValidationsToFail
	Median, P95       time.Duration
	Measured          int // how many events Median and P95 are of
	LastDay           []EventCount
	Looks             []GapLook
	Lines             []Finding // what was judged: webhook, silence, gaps and delay
}

// Level is the worst level of the lines.
func (h Health) Level() Level { return WorstLevel(h.Lines) }

// Health judges the facts. skew is how far Zoom's clock is ahead of ours.
func (a Account) Health(f DeliveryFacts, skew time.Duration, now time.Time) Health {
	h := Health{LastEventAt: f.LastEventAt, ValidatedAt: a.WebhookValidatedAt, LastDay: f.LastDay, Looks: f.Looks, FailedValidations: a.failedValidations(now)}
	if !h.ValidatedAt.IsZero() {
		h.ValidationDue = h.ValidatedAt.Add(validationEvery)
	}
	h.Lines = append(h.Lines, a.webhookFinding(now))
	h.Lines = append(h.Lines, silence(f, now)...)
	h.Lines = append(h.Lines, gaps(f.Looks, now)...)

	var delays []time.Duration
	for _, e := range f.Recent {
		// Zoom gives up after 85 minutes: what is older was not on its way.
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

// failedValidations is how many validations in a row Zoom got no answer to, as
// far as can be known. That a validation is due and did not come is what counts,
// and what Zoom's own log of deliveries says. A request here that asks for one
// with a wrong signature does not: anybody can send such requests, and raise an
// alarm that would then mean nothing.
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

// webhookFinding says whether Zoom can reach us with events.
func (a Account) webhookFinding(now time.Time) Finding {
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

// silence finds that Zoom ought to have said something.
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

// gaps says what the looks of the last day found, and why the last found nothing.
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

// ClockSkew is how far Zoom's clock is ahead of ours, false when nothing tells.
func (s *Service) ClockSkew() (time.Duration, bool) {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client == nil {
		return 0, false
	}
	return client.Skew()
}

// Clock is what is wrong with the time of this server. The zero Clock is right.
type Clock struct {
	Ahead  time.Duration // negative: behind; zero: not known to be wrong
	Stale  int           // of the last Events, those that were signed outside the time window
	Events int
}

const (
	clockOff       = time.Minute
	clockWitnesses = 3 // events that tell the time when Zoom's answers do not
	staleMany      = 5
)

// JudgeClock compares our clock with Zoom's. The Date of Zoom's answers is the
// first witness, if there is one. The second is the signature of events: an event
// cannot be signed after it arrived, and one of the last few was surely quick, so
// that the largest distance from arrival to signature is how far Zoom is ahead.
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
			// The clock may have been set right since: older ones do not count.
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
