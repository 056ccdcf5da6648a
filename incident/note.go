package incident

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// maxNote is the maximum length of a note in characters.
const maxNote = 4000

// AddNote adds a person's note to the timeline of an incident, open or resolved. The
// same note with the same key adds nothing, so a form or a script may repeat it; a key
// "" is never the same. Keys of different actors and incidents are different. Another
// text with the same key is another note: nothing that somebody wrote is lost.
func (s *Service) AddNote(ctx context.Context, actor Actor, number int64, note, key string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	note = cleanNote(note)
	fields := map[string]string{}
	if note == "" {
		fields["note"] = "Write a note."
	}
	tooLong(fields, "note", note, maxNote)
	tooLong(fields, "dedup_key", key, maxKey)
	if len(fields) > 0 {
		return invalid("The note can’t be added.", fields)
	}
	n := s.note(actor, number, note, key)
	return s.store.AddNote(ctx, n.Entry, n.Audit)
}

func cleanNote(note string) string {
	return strings.TrimSpace(strings.ReplaceAll(note, "\r\n", "\n"))
}

// note returns a note of the actor. Its id depends on the key, unless that is "".
func (s *Service) note(actor Actor, number int64, note, key string) Record {
	id := newID()
	if key != "" {
		id = "note-" + uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d\n%s\n%s\n%q\n%s", number, actor.Kind, actor.Email, key, note)).String()
	}
	return Record{
		TimelineEntry{ID: id, IncidentNumber: number, At: s.now(), Kind: EntryNote, Data: TimelineData{Text: note}, Actor: actor.Email},
		s.audit(actor, AuditIncidentNote, Key(number)),
	}
}
