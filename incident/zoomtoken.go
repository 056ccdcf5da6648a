package incident

import (
	"context"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// accountTokens is the zoom.TokenStore of one version of the account: who
// changes the credentials begins with no token.
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

// note writes down why this server goes its own way: the client does not say.
func (a accountTokens) note(ctx context.Context, err error) error {
	if err != nil {
		a.s.log.WarnContext(ctx, "the Zoom token cannot be shared; this server uses one of its own", "error", err)
	}
	return err
}
