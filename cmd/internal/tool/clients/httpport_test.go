package clients

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A password is sent when it is known how the port speaks, and only to who asks for it.
func TestHTTPPorts(t *testing.T) {
	var users []string
	asking := func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		users = append(users, user)
		if r.URL.Path == "/closed" && user == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "hello")
	}
	plain, secure := httptest.NewServer(http.HandlerFunc(asking)), httptest.NewTLSServer(http.HandlerFunc(asking))
	defer plain.Close()
	defer secure.Close()
	p := NewHTTPPorts(&tls.Config{InsecureSkipVerify: true})
	for _, tt := range []struct {
		url, user string
		status    int
		users     []string
	}{
		{plain.URL + "/open", "", 200, []string{""}},
		{plain.URL + "/open", "u", 200, []string{""}},
		{plain.URL + "/closed", "", 401, []string{""}},
		{plain.URL + "/closed", "u", 200, []string{"", "u"}},
		{secure.URL + "/closed", "u", 200, []string{"u"}},
		{"http" + secure.URL[len("https"):] + "/closed", "u", 200, []string{"u"}},
		{"http" + secure.URL[len("https"):] + "/closed", "", 401, []string{""}},
	} {
		users = nil
		resp, err := p.Get(t.Context(), tt.url, tt.user, "secret")
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || (string(text) == "hello") != (tt.status == 200) || !slices.Equal(users, tt.users) {
			t.Errorf("%+v: %v, %s %q, asked by %q", tt, err, resp.Status, text, users)
		}
	}
	if _, err := NewHTTPPorts(nil).Get(t.Context(), secure.URL, "", ""); err == nil {
		t.Error("a certificate that nobody has signed is believed")
	}
}
