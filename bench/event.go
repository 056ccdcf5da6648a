package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// secret is the webhook secret token of every server here.
const secret = "bench-webhook-secret-token"

// made counts the events of this run. The number of an event decides its meeting,
// UUID and request ID.
var made atomic.Uint64

// meetingOf maps consecutive numbers to scattered meeting IDs of eleven digits,
// without repeats, so that inserting them in an index is as slow as it can be.
func meetingOf(n uint64) int64 {
	const ids, step = 90_000_000_000, 6_180_339_887 // no common divisor
	return 10_000_000_000 + int64(n*step%ids)
}

// templates are meeting.created events with topics of different lengths, 633 to
// 754 bytes. They are ASCII and have the key order that JSON.stringify keeps,
// because Zoom's sample verifies the body that it has serialized again.
var templates = func() (list [][]byte) {
	words := strings.Fields("budget review weekly sync incident database outage customer onboarding planning retro hiring " +
		"security design launch support escalation network payments search mobile release quarter forecast training")
	random := rand.New(rand.NewPCG(1, 2))
	for range 64 {
		topic := words[random.IntN(len(words))]
		for target := 10 + random.IntN(100); len(topic) < target; {
			topic += " " + words[random.IntN(len(words))]
		}
		body := fmt.Sprintf(`{"event":"meeting.created","event_ts":%013d,"payload":{"account_id":"VjZoEArIT5y-HlWxkV-tVA",`+
			`"operator":"someone@example.com","operator_id":"8lzIwvZTSOqjndWPbPqzuA","operation":"single","object":{`+
			`"uuid":"%024d","id":%011d,"host_id":"x1yCzABCDEfg23HiJKl4mN","topic":"%.113s","type":2,`+
			`"start_time":"2026-11-22T21:44:51Z","duration":60,"timezone":"America/Los_Angeles",`+
			`"join_url":"https://zoom.us/j/98884753832?pwd=c21EQzg0SXY2dlNTOFF2TENpSm1aQT09","password":"PaSsWoRd",`+
			`"settings":{"use_pmi":false,"alternative_hosts":"","join_before_host":true,"jbh_time":10,`+
			`"meeting_invitees":[{"email":"jchill@example.com"}]}}}}`, 0, 0, 0, topic)
		head := fmt.Sprintf("POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Zoom Marketplace/1.0a\r\n"+
			"Content-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\nX-Zm-Request-Timestamp: %010d\r\n"+
			"X-Zm-Signature: v0=%064d\r\nX-Zm-Request-Id: %032d\r\n\r\n", len(body), 0, 0, 0)
		list = append(list, []byte(head+body))
	}
	return list
}()

// places holds the offsets of a template's fields.
type places struct{ signed, signature, request, body, at, uuid, meeting int }

var templatePlaces = func() (list []places) {
	for _, t := range templates {
		s := string(t)
		after := func(mark string) int { return strings.Index(s, mark) + len(mark) }
		list = append(list, places{
			signed: after("X-Zm-Request-Timestamp: "), signature: after("X-Zm-Signature: v0="), request: after("X-Zm-Request-Id: "),
			body: after("\r\n\r\n"), at: after(`"event_ts":`), uuid: after(`"uuid":"`), meeting: after(`"id":`),
		})
	}
	return list
}()

// sender creates signed requests. Each overwrites the previous one.
type sender struct {
	mac     hash.Hash
	run     uint32
	buffer  []byte
	sum     []byte
	seconds []byte
}

func newSender() *sender {
	return &sender{mac: hmac.New(sha256.New, []byte(secret)), run: rand.Uint32()}
}

// next returns the next event as a complete HTTP request, valid until the next
// call, and the ID of its meeting.
func (s *sender) next(now time.Time) (request []byte, meeting int64) {
	n := made.Add(1)
	i := int(n % uint64(len(templates)))
	p := templatePlaces[i]
	b := append(s.buffer[:0], templates[i]...)
	s.buffer = b

	s.seconds = strconv.AppendInt(s.seconds[:0], now.Unix(), 10)
	copy(b[p.signed:], s.seconds)
	strconv.AppendInt(b[p.at:p.at], now.UnixMilli(), 10)
	hexTo(b[p.uuid:p.uuid+8], uint64(s.run))
	hexTo(b[p.uuid+8:p.uuid+24], n)
	copy(b[p.request:p.request+24], b[p.uuid:])
	meeting = meetingOf(n)
	strconv.AppendInt(b[p.meeting:p.meeting], meeting, 10)

	s.mac.Reset()
	s.mac.Write([]byte("v0:"))
	s.mac.Write(s.seconds)
	s.mac.Write([]byte(":"))
	s.mac.Write(b[p.body:])
	s.sum = s.mac.Sum(s.sum[:0])
	hex.Encode(b[p.signature:], s.sum)
	return b, meeting
}

func hexTo(to []byte, n uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}
