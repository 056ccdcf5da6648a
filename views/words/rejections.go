package words

import "strings"

// rejections has the words for each reason to reject a request to the webhook address, as in
// "3 were rejected …", and what to do about it.
var rejections = map[string]struct{ reason, advice string }{
	"wrong_signature":     {"with a wrong signature", "Check that the secret token here is the Zoom app’s. If it is, someone other than Zoom sent them."},
	"wrong_validation":    {"asking for validation, with a wrong signature", "If you just pressed Validate in Zoom, the secret token here isn’t the app’s. If you didn’t, someone other than Zoom sent them, and they don’t count toward Zoom’s six failures."},
	"no_signature":        {"without a signature", "Zoom signs every request. Someone other than Zoom sent them, or a proxy removes headers."},
	"malformed_signature": {"with a malformed signature", "Someone other than Zoom sent them, or a proxy changes headers."},
	"malformed_timestamp": {"with a malformed timestamp", "Someone other than Zoom sent them, or a proxy changes headers."},
	"not_configured":      {"before a secret token was set", "Set the webhook secret token, if it isn’t set yet. Zoom retries each for about 85 minutes."},
	"locked":              {"that couldn’t be verified because the secret token is locked", "Start the server with the master key it was stored with, or enter the token again."},
	"too_large":           {"that were too large", "Zoom’s events are far smaller than 4 MiB. Someone other than Zoom sent them."},
	"validation":          {"with a validation that Zoom doesn’t send", "Someone other than Zoom sent them. Drawbridge didn’t answer the validation."},
	"wrong_path":          {"at another address than the webhook’s", "In the Zoom App Marketplace, open your app, then Feature → Access → Event Subscription. Enter the address shown on the Zoom account page."},
	"incomplete":          {"that ended before they were complete", "Zoom retries them. Check the proxy and the network."},
	"storage":             {"because Drawbridge couldn’t store them", "Zoom retries each for about 85 minutes. Check the disk and the server’s log."},
	"busy":                {"because Drawbridge couldn’t store them", "Zoom retries each for about 85 minutes. Check the disk and the server’s log."},
}

// Rejection says why requests were rejected, and what to do about it.
func Rejection(code string) (reason, advice string) {
	if text, ok := rejections[code]; ok {
		return text.reason, text.advice
	}
	return "because of " + strings.ReplaceAll(code, "_", " "), "Check the server’s log." // an older version counted them
}
