package incident

import (
	"context"
	"slices"
	"time"
)

const (
	// Zoom may end a token when another is requested for the same app. A program that does
	// so now and then costs one more call. One that does it this often slows bridges down.
	tokensEndedMany  = 3
	tokensEndedSince = 30 * time.Minute
)

// Ended implements zoom.TokenStore.
func (a accountTokens) Ended(context.Context) {
	s := a.s
	s.log.Warn("Zoom ended the access token before its time: another program may use this Zoom app")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokensEnded = append(s.tokensEnded[max(0, len(s.tokensEnded)+1-tokensEndedMany):], s.now())
}

// TokensEnded reports whether another program keeps ending the access token of the Zoom
// app, as far as this server has seen since it started.
func (s *Service) TokensEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.now().Add(-tokensEndedSince)
	return len(s.tokensEnded) == tokensEndedMany && !slices.ContainsFunc(s.tokensEnded, since.After)
}
