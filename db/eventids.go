package db

import "time"

// FirstEventID is the lowest id that an event which arrived at t or later has.
func FirstEventID(t time.Time) int64 { return firstEventID(t) }

// EventArrival is when the event with this id arrived, to the millisecond.
func EventArrival(id int64) time.Time { return time.UnixMilli(id >> eventIDShift).UTC() }
