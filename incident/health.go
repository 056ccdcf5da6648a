package incident

import (
	"fmt"
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

const eventSubscriptions = "In Zoom’s marketplace: your app → Feature → Event Subscriptions"

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
	Lines             []CheckLine // what was judged, topics "webhook", "silence", "gaps" and "delay"
}

// Level is the worst level of the lines.
func (h Health) Level() string { return CheckReport{Lines: h.Lines}.Level() }

// Health judges the facts. skew is how far Zoom's clock is ahead of ours.
func (a Account) Health(f DeliveryFacts, skew time.Duration, now time.Time) Health {
	h := Health{LastEventAt: f.LastEventAt, ValidatedAt: a.WebhookValidatedAt, LastDay: f.LastDay, Looks: f.Looks, FailedValidations: a.failedValidations(now)}
	if !h.ValidatedAt.IsZero() {
		h.ValidationDue = h.ValidatedAt.Add(validationEvery)
	}
	h.Lines = append(h.Lines, a.webhookLine(now))
	if line, silent := silence(f, now); silent {
		h.Lines = append(h.Lines, line)
	}

	h.Lines = append(h.Lines, gapLines(f.Looks, now)...)

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
		h.Lines = append(h.Lines, CheckLine{Topic: "delay", Level: "amber", Subject: "Delay",
			Reason: "One event in twenty arrives more than " + roughly(lateDelivery) + " after it happened: Zoom needs a second attempt.",
			Fix:    "Look at the refused requests on the Events page, and whether this server, or what stands before it, is slow: Zoom waits three seconds for an answer."})
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

// webhookLine says whether Zoom can reach us with events.
func (a Account) webhookLine(now time.Time) CheckLine {
	line := func(level, reason, fix string) CheckLine {
		return CheckLine{Topic: "webhook", Level: level, Subject: "Webhook", Reason: reason, Fix: fix}
	}
	tokens, locked := a.WebhookTokens()
	failed := a.failedValidations(now)
	ago := roughly(now.Sub(a.WebhookValidatedAt))
	switch {
	case locked:
		return line("red", "The secret token cannot be opened with the master key of this server.", "Start the server with the key it was stored with, or enter the token again.")
	case len(tokens) == 0:
		return line("red", "No webhook secret token is set, so Zoom’s events are turned away and kept by Zoom for 85 minutes.", "Copy the secret token from your app → Feature → Token.")
	case a.WebhookValidatedAt.IsZero():
		return line("amber", "Zoom has not validated this server’s webhook address yet.", eventSubscriptions+": enter the address and press Validate.")
	case failed >= ValidationsToFail:
		return line("red", "Zoom last validated the webhook address "+ago+" ago, and should every three days. After six failures in a row it turns the subscription off, and no event comes any more.", eventSubscriptions+": switch the subscription on again and press Validate.")
	case failed > 0:
		level := "amber"
		if failed >= 4 {
			level = "red"
		}
		return line(level, fmt.Sprintf("Zoom last validated the webhook address %s ago, and should every three days: that makes %d of the %d failures in a row after which it turns the subscription off.", ago, failed, ValidationsToFail),
			eventSubscriptions+": press Validate. If that fails, look whether the address is reached from the internet and the secret token is the app’s.")
	}
	return line("green", "Zoom has validated this server’s webhook address.", "")
}

// silence says that Zoom ought to have said something.
func silence(f DeliveryFacts, now time.Time) (CheckLine, bool) {
	line := CheckLine{Topic: "silence", Level: "amber", Subject: "Silence"}
	if len(f.Live) == 0 {
		return line, false
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
	if quiet := now.Sub(last); quiet > silenceOfAll {
		line.Reason = fmt.Sprintf("Zoom has sent nothing at all for %s, although %s is live.", roughly(quiet), Key(f.Live[0].IncidentNumber))
		line.Fix = eventSubscriptions + ": look whether the subscription is on. Then look for gaps on the page Zoom account."
		return line, true
	}
	if quiet := now.Sub(quietest.LastEventAt); quiet > silenceOfOne {
		line.Reason = fmt.Sprintf("%s is live, and Zoom has said nothing of its meeting for %s. Either nobody came or left, or the event that ended it did not arrive.", Key(quietest.IncidentNumber), roughly(quiet))
		line.Fix = "Look whether people are still in the call. If not, look for gaps on the page Zoom account."
		return line, true
	}
	return line, false
}

// gapLines say what the looks of the last day found, and why the last found nothing.
func gapLines(looks []GapLook, now time.Time) (lines []CheckLine) {
	recovered, lost := 0, 0
	for _, l := range looks {
		if now.Sub(l.At) < 24*time.Hour {
			recovered += l.Recovered
			lost += l.Lost
		}
	}
	line := CheckLine{Topic: "gaps", Level: "amber", Subject: "Deliveries",
		Fix: "Look for their cause in the refused requests on the Events page and in the server’s log."}
	if recovered > 0 {
		line.Reason = events(recovered) + " of the last day did not arrive and came in from Zoom’s own log."
		lines = append(lines, line)
	}
	if lost > 0 {
		line.Reason = events(lost) + " of the last day did not arrive and cannot be recovered: Zoom did not keep what it sent."
		lines = append(lines, line)
	}
	if len(looks) > 0 && looks[0].Problem != "" {
		line.Reason, line.Fix = "The last look for gaps did not come to its end. "+looks[0].Problem, looks[0].Fix
		lines = append(lines, line)
	}
	return lines
}

func events(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// roughly writes a span for a sentence: "4 minutes", "26 hours", "3 days".
func roughly(d time.Duration) string {
	n, unit := int(d.Round(24*time.Hour)/(24*time.Hour)), "day"
	switch {
	case d < 2*time.Hour:
		n, unit = max(1, int(d.Round(time.Minute)/time.Minute)), "minute"
	case d < 96*time.Hour:
		n, unit = int(d.Round(time.Hour)/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
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

// Says is the problem in one or two sentences, "" when there is none.
func (c Clock) Says() string {
	const fix = " Let the server set its time by NTP: “timedatectl set-ntp true”, or “chronyc makestep” where chrony runs."
	switch {
	case c.Ahead > 0:
		return "This server’s clock is " + roughly(c.Ahead) + " ahead of Zoom’s. Zoom may refuse our tokens, and times here are wrong." + fix
	case c.Ahead < 0:
		return "This server’s clock is " + roughly(-c.Ahead) + " behind Zoom’s. Zoom may refuse our tokens, and times here are wrong." + fix
	case c.Stale > 0:
		return fmt.Sprintf("%d of the last %d events were signed long before they arrived, or in the future. They are kept and change nothing until an admin lets them count.", c.Stale, c.Events) +
			" Is the clock of this server right?"
	}
	return ""
}
