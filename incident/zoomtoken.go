package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// accountTokens is the zoom.TokenStore of one version of the account. When the
// credentials change, the version changes, and the new version starts without a
// token.
type accountTokens struct {
	s       *Service
	version int64
}

func (a accountTokens) Load(ctx context.Context) (zoom.SharedToken, error) {
	t, err := a.s.store.ZoomToken(ctx, a.version)
	return t, a.note(ctx, err)
}

func (a accountTokens) Claim(ctx context.Context, version int64, lease time.Duration) (bool, error) {
	ok, err := a.s.store.ClaimZoomToken(ctx, a.version, version, a.s.now(), lease)
	return ok, a.note(ctx, err)
}

func (a accountTokens) Save(ctx context.Context, t zoom.SharedToken) (bool, error) {
	ok, err := a.s.store.SaveZoomToken(ctx, a.version, t)
	return ok, a.note(ctx, err)
}

func (a accountTokens) Release(ctx context.Context, version int64) error {
	return a.note(ctx, a.s.store.ReleaseZoomToken(ctx, a.version, version))
}

// note logs why this server uses its own token. The client does not report that.
func (a accountTokens) note(ctx context.Context, err error) error {
	if err != nil {
		a.s.log.WarnContext(ctx, "could not share the Zoom token; this server uses its own", "error", err)
	}
	return err
}
