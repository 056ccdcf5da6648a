package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// RecordingLink is one recording of a bridge, as an event gave it.
type RecordingLink struct {
	URL   string    `json:"url"`
	Type  string    `json:"type"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	UUID  string    `json:"uuid,omitempty"`  // of the instance; "": unknown
	Files []string  `json:"files,omitempty"` // Zoom's ids of its files; empty: unknown
	Gone  bool      `json:"gone,omitempty"`  // all of them were deleted or moved to the trash

	Transcript bool      `json:"transcript,omitempty"` // Zoom made one
	DeletesOn  time.Time `json:"deletes_on,omitzero"`  // the day on which Zoom deletes it; zero: never, or Zoom did not say
	ExpirySaid time.Time `json:"expiry_said,omitzero"` // when Zoom last said whether it does; zero: never

	Passcode zoom.Secret `json:"-"` // only in a Reading; see RecordingPasscodes
}

// Later is what Zoom changed after the bridge was created. Like instances and
// presences it is a set of facts, so the order in which the events arrive does
// not matter.
type Later struct {
	Files []RecordedFile `json:"files,omitempty"`

	MeetingID  string    `json:"meeting_id,omitempty"` // of the meeting that was deleted or recovered
	JoinURL    string    `json:"join_url,omitempty"`   // its link, while it is deleted
	DeletedAt  time.Time `json:"deleted_at,omitzero"`
	RestoredAt time.Time `json:"restored_at,omitzero"`

	EarlierUntil time.Time `json:"earlier_until,omitzero"` // when the meeting that the bridge had before was deleted
}

// earlierUntil returns when the bridge's earlier meeting was deleted, or the zero time.
func (b Bridge) earlierUntil() time.Time {
	if b.Later.MeetingID != b.MeetingID && b.Later.DeletedAt.After(b.Later.EarlierUntil) {
		return b.Later.DeletedAt
	}
	return b.Later.EarlierUntil
}

// RecordedFile says when a file of a recording was last there and when it was
// last gone.
type RecordedFile struct {
	UUID   string    `json:"uuid,omitempty"` // of the instance
	ID     string    `json:"id,omitempty"`   // "": the whole recording
	BackAt time.Time `json:"back_at,omitzero"`
	GoneAt time.Time `json:"gone_at,omitzero"`
}

// FileChange is what one event says about a file of a recording.
type FileChange struct {
	BridgeID string
	RecordedFile
}

// changeFiles adds that files of a recording are there, or gone. No ids mean the
// whole recording.
func (r *Reading) changeFiles(bridgeID, uuid string, ids []string, gone bool) {
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		c := FileChange{bridgeID, RecordedFile{UUID: uuid, ID: cutRunes(id, 100)}}
		if gone {
			c.GoneAt = r.At
		} else {
			c.BackAt = r.At
		}
		r.Files = append(r.Files, c)
	}
}

// addRecordings adds the links and files of a reading.
func (b *Bridge) addRecordings(r Reading) {
	for _, rec := range r.Recordings {
		i := slices.IndexFunc(b.Recordings, func(known RecordingLink) bool { return known.URL == rec.URL })
		if i < 0 {
			rec.Passcode = zoom.Secret{}
			b.Recordings = append(b.Recordings, rec)
			continue
		}
		known := &b.Recordings[i]
		known.UUID, known.Transcript = rec.UUID, known.Transcript || rec.Transcript
		if rec.ExpirySaid.After(known.ExpirySaid) {
			known.DeletesOn, known.ExpirySaid = rec.DeletesOn, rec.ExpirySaid
		}
		if rec.Start.Before(known.Start) && !rec.Start.IsZero() || known.Start.IsZero() {
			known.Start = rec.Start
		}
		if rec.End.After(known.End) {
			known.End = rec.End
		}
		for _, id := range rec.Files {
			if !slices.Contains(known.Files, id) {
				known.Files = append(known.Files, id)
			}
		}
		slices.Sort(known.Files)
	}
	for _, c := range r.Files {
		if c.BridgeID != b.ID {
			continue
		}
		i := slices.IndexFunc(b.Later.Files, func(f RecordedFile) bool { return f.UUID == c.UUID && f.ID == c.ID })
		if i < 0 {
			i, b.Later.Files = len(b.Later.Files), append(b.Later.Files, RecordedFile{UUID: c.UUID, ID: c.ID})
		}
		f := &b.Later.Files[i]
		if c.BackAt.After(f.BackAt) {
			f.BackAt = c.BackAt
		}
		if c.GoneAt.After(f.GoneAt) {
			f.GoneAt = c.GoneAt
		}
	}
	for i := range b.Recordings {
		b.Recordings[i].Gone = b.gone(b.Recordings[i])
	}
}

// recordingsGone returns how many recordings are gone.
func (b *Bridge) recordingsGone() (n int) {
	for _, l := range b.Recordings {
		if l.Gone {
			n++
		}
	}
	return n
}

// gone reports whether every file of a recording is gone.
func (b *Bridge) gone(l RecordingLink) bool {
	ids := l.Files
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		var back, gone time.Time
		for _, f := range b.Later.Files {
			if f.UUID != l.UUID || f.ID != id && f.ID != "" {
				continue
			}
			if f.BackAt.After(back) {
				back = f.BackAt
			}
			if f.GoneAt.After(gone) {
				gone = f.GoneAt
			}
		}
		if gone.IsZero() || back.After(gone) {
			return false
		}
	}
	return true
}

// recordingFiles returns the ids of the files of a recording.
func recordingFiles(rec *zoom.EventRecording) (ids []string) {
	for _, f := range rec.Files {
		if f.ID != "" {
			ids = append(ids, cutRunes(f.ID, 100))
		}
	}
	slices.Sort(ids)
	return ids
}

// addLinks adds the links of a recording, and returns the hosts of those that do not lead to
// Zoom.
func (r *Reading) addLinks(rec *zoom.EventRecording, uuid string, links zoom.Links) (dropped []string) {
	list, dropped := recordingLinks(rec, uuid, links)
	for i := range list {
		l := &list[i]
		l.Passcode = rec.Passcode
		if rec.AutoDelete != nil {
			l.DeletesOn, l.ExpirySaid = rec.DeletesOn, r.At
		}
		l.Transcript = slices.ContainsFunc(rec.Files, func(f zoom.RecordingFile) bool {
			return strings.EqualFold(f.Type, "TRANSCRIPT") && (l.URL == rec.ShareURL || l.URL == f.PlayURL)
		})
	}
	r.Recordings = append(r.Recordings, list...)
	return dropped
}

// recordingLinks returns the links to show: the page with all files, or else the
// files. It drops links that do not lead to Zoom; dropped has the hosts
// where they lead.
func recordingLinks(rec *zoom.EventRecording, uuid string, links zoom.Links) (list []RecordingLink, dropped []string) {
	drop := func(url string) {
		if host := zoom.LinkHost(url); url != "" && !slices.Contains(dropped, host) {
			dropped = append(dropped, host)
		}
	}
	if links.Accepts(rec.ShareURL) {
		link := RecordingLink{URL: rec.ShareURL, Type: "recording", UUID: uuid, Files: recordingFiles(rec)}
		for _, f := range rec.Files {
			if link.Start.IsZero() || (!f.Start.IsZero() && f.Start.Before(link.Start)) {
				link.Start = f.Start
			}
			if f.End.After(link.End) {
				link.End = f.End
			}
		}
		return []RecordingLink{link}, nil
	}
	drop(rec.ShareURL)
	for _, f := range rec.Files {
		if !links.Accepts(f.PlayURL) {
			drop(f.PlayURL)
		} else {
			link := RecordingLink{URL: f.PlayURL, Type: strings.ToLower(f.Type), Start: f.Start, End: f.End, UUID: uuid}
			if f.ID != "" {
				link.Files = []string{cutRunes(f.ID, 100)}
			}
			list = append(list, link)
		}
	}
	return list, dropped
}
