package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
)

// Limits for requests, in bytes and numbers of fields.
const (
	maxForm       = 256 << 10
	maxFormFields = 3000
	maxFormValue  = 64 << 10
)

// Render writes a page. It renders the whole page before it sends the first byte, so
// that a failing component results in an error page and not in half a page.
func Render(c echo.Context, status int, page templ.Component) error {
	var b bytes.Buffer
	err := page.Render(c.Request().Context(), &b)
	if err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	if c.Request().Method != http.MethodGet {
		return c.HTMLBlob(status, b.Bytes())
	}
	compressed(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
		w.WriteHeader(status)
		_, err = w.Write(b.Bytes())
	})).ServeHTTP(c.Response(), c.Request())
	return err
}

// compressed compresses pages for browsers that accept it. The length of a
// compressed page could tell what is in it, if someone else chose a part of it
// (BREACH). Answers to forms, which show new secrets, are therefore not compressed,
// and the length of pages varies with their content.
var compressed = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.RandomJitter(32, 64<<10, false))
	if err != nil {
		panic(err) // an option is wrong
	}
	return wrap
}()

// BadRequest is the error for a request that Drawbridge's own pages never make: 400 with a sentence.
func BadRequest(format string, args ...any) error {
	return echo.NewHTTPError(http.StatusBadRequest, fmt.Sprintf(format, args...))
}

// Form is a posted form, or a query.
type Form struct{ values url.Values }

// ReadForm reads the posted form. names are the fields that it may have; a name that
// ends in "*" allows every field that begins like that ("vars.*"). Other fields and
// repeated fields are rejected, so that nobody can add "role" to a form without it.
func ReadForm(c echo.Context, names ...string) (Form, error) {
	return readForm(c, maxForm, maxFormValue, names...)
}

// readForm is ReadForm with other limits, in bytes, for the form and for a value.
func readForm(c echo.Context, most int64, mostValue int, names ...string) (Form, error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationForm {
		return Form{}, echo.NewHTTPError(http.StatusUnsupportedMediaType, "This address accepts forms only.")
	}
	body, err := readBody(c, most)
	if err != nil {
		return Form{}, err
	}
	if bytes.Count(body, []byte("&")) >= maxFormFields {
		return Form{}, BadRequest("The form has too many fields.")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return Form{}, BadRequest("Drawbridge can’t read the form.")
	}
	if err := checkValues(values, mostValue, names); err != nil {
		return Form{}, err
	}
	return Form{values}, nil
}

// ReadQuery reads the query of the URL under the rules of ReadForm.
func ReadQuery(c echo.Context, names ...string) (Form, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return Form{}, BadRequest("Drawbridge can’t read the address’s query.")
	}
	if err := checkValues(values, maxFormValue, names); err != nil {
		return Form{}, err
	}
	return Form{values}, nil
}

func checkValues(values url.Values, mostValue int, names []string) error {
	for _, name := range sortedNames(values) {
		if !slices.ContainsFunc(names, func(n string) bool {
			prefix, open := strings.CutSuffix(n, "*")
			return n == name || open && strings.HasPrefix(name, prefix)
		}) {
			return BadRequest("There is no field %s here.", quote(name))
		}
		if len(values[name]) > 1 {
			return BadRequest("The field %s appears more than once.", quote(name))
		}
		if v := values[name][0]; len(v) > mostValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return BadRequest("The field %s is too long or isn’t text.", quote(name))
		}
	}
	return nil
}

// quote shows a name from outside, shortened and with escapes.
func quote(name string) string {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	return strconv.QuoteToGraphic(strings.ToValidUTF8(name, "�"))
}

// Get is a field without surrounding space, with line feeds as line ends.
func (f Form) Get(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.values.Get(name), "\r\n", "\n"))
}

// Raw is a field exactly as it was typed, for passwords and secrets.
func (f Form) Raw(name string) string { return f.values.Get(name) }

// Has reports whether the field was sent, as a checked box is.
func (f Form) Has(name string) bool { return f.values.Has(name) }

// Names are the sent fields that begin with prefix, sorted.
func (f Form) Names(prefix string) []string {
	return slices.DeleteFunc(sortedNames(f.values), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// Int is a field as a whole number; "" is 0. Anything else is a BadRequest.
func (f Form) Int(name string) (int64, error) {
	text := f.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, BadRequest("The field %s must be a whole number.", quote(name))
	}
	return n, nil
}

// Limit is the field "limit" of a list: 50 if it is missing, and at most 200.
func (f Form) Limit() (int, error) {
	n, err := f.Int("limit")
	if err != nil || n < 0 {
		return 0, BadRequest("The field \"limit\" must be a number from 1 to 200.")
	}
	if n == 0 {
		n = 50
	}
	return int(min(n, 200)), nil
}

// Time is a field with a time of RFC 3339; "" is the zero time.
func (f Form) Time(name string) (time.Time, error) {
	text := f.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, BadRequest("The field %s must be a time such as 2026-11-22T02:14:07Z.", quote(name))
	}
	return t.UTC(), nil
}

// Span reads the times after and before of a list.
func (f Form) Span() (after, before time.Time, err error) {
	if after, err = f.Time("after"); err != nil {
		return after, before, err
	}
	if before, err = f.Time("before"); err == nil && !after.IsZero() && !before.IsZero() && !after.Before(before) {
		err = BadRequest("The time “after” must be earlier than “before”.")
	}
	return after, before, err
}

// readBody reads the body up to limit bytes; a larger one is a 413.
func readBody(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, limit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		}
		return nil, echo.NewHTTPError(http.StatusBadRequest, "The request ended before its body was complete.").WithInternal(err)
	}
	return body, nil
}

// readJSONObject reads a body that is one JSON object. A repeated name, and anything
// after the object, are rejected with 400.
func readJSONObject(c echo.Context, limit int64) (map[string]json.RawMessage, error) {
	body, err := readJSON(c, limit)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, BadRequest("The body isn’t UTF-8.")
	}
	return readObject(body)
}

// readJSON reads a body whose content type is JSON.
func readJSON(c echo.Context, limit int64) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType, "Send JSON with the content type application/json.")
	}
	return readBody(c, limit)
}

// readObject reads one JSON object and nothing else.
func readObject(body []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, BadRequest("The body isn’t a JSON object.")
	}
	object := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, BadRequest("The body isn’t valid JSON.")
		}
		if _, twice := object[name]; twice {
			return nil, BadRequest("The field %s appears more than once.", quote(name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, BadRequest("The body isn’t valid JSON.")
		}
		object[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, BadRequest("The body isn’t valid JSON.")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, BadRequest("There is unexpected text after the JSON object.")
	}
	return object, nil
}

// scalar returns a JSON string, number or boolean as text, and null as "". ok is
// false for lists and objects.
func scalar(raw json.RawMessage) (text string, ok bool) {
	switch raw[0] {
	case '"':
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	case '{', '[':
		return "", false
	case 'n':
		return "", true
	}
	return string(raw), true
}
