package views_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

func TestPending(t *testing.T) {
	t.Parallel()
	full := views.PendingPage{
		Frame: in("db down", "incidents"), Name: "db down", Severity: "SEV1", Warnings: words.Pending(false),
		JoinURL: "https://meet.example.com/war", LinkHost: "meet.example.com", LinkName: "War room", PIN: "4711",
		DialIn: []views.DialIn{{Number: "+47 21 00 00 00", Tel: "tel:+4721000000"}}, FormURL: "/runbooks/r1/run?form=f1",
	}
	nasty := full
	nasty.Name, nasty.Severity, nasty.JoinURL, nasty.LinkHost, nasty.LinkName, nasty.PIN, nasty.FormURL = hostile, hostile, "javascript:alert(1)", hostile, hostile, hostile, "javascript:alert(1)"
	nasty.DialIn = []views.DialIn{{Number: hostile, Tel: "javascript:alert(1)"}}
	testGolden(t, []golden{{"pending-full", views.Pending(full)}, {"pending-hostile", views.Pending(nasty)}})
}
