package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func recordingCell(bridgeID, uuid string) Cell {
	return Cell{Table: "recording_passcodes", Column: "sealed", Row: bridgeID + "/" + uuid}
}

// keepPasscodes stores the passcodes of the recordings of a reading. Without the master key
// the recording is shown without its passcode.
func (s *Store) keepPasscodes(ctx context.Context, tx *sql.Tx, r incident.Reading) error {
	for _, rec := range r.Recordings {
		if rec.Passcode.IsZero() {
			continue
		}
		sealed, err := s.keys.Seal(recordingCell(r.BridgeID, rec.UUID), rec.Passcode)
		if err != nil {
			s.log.ErrorContext(ctx, "could not seal the passcode of a recording", "error", err)
			return nil
		}
		err = exec(ctx, tx, `
			INSERT INTO recording_passcodes (bridge_id, uuid, sealed, said_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (bridge_id, uuid) DO UPDATE SET sealed = excluded.sealed, said_at = excluded.said_at
			WHERE recording_passcodes.said_at <= excluded.said_at`, r.BridgeID, rec.UUID, sealed, millis(r.EventAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// RecordingPasscodes returns the passcodes of a bridge's recordings, by the uuid of their
// instance. One that can't be opened is left out.
func (s *Store) RecordingPasscodes(ctx context.Context, bridgeID string) (map[string]incident.Secret, error) {
	passcodes := map[string]incident.Secret{}
	err := each(ctx, s.r, func(r row) error {
		var uuid, sealed string
		if err := r.Scan(&uuid, &sealed); err != nil {
			return err
		}
		passcode, err := s.keys.Open(recordingCell(bridgeID, uuid), sealed)
		if err != nil {
			s.log.ErrorContext(ctx, "the passcode of a recording is locked", "error", err)
			return nil
		}
		passcodes[uuid] = passcode
		return nil
	}, `SELECT uuid, sealed FROM recording_passcodes WHERE bridge_id = $1`, bridgeID)
	return passcodes, err
}
