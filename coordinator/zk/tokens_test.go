package zk_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"momus/coordinator/zk"
	"momus/internal/model"
)

func TestTokenNodes(t *testing.T) {
	c := dial(t, startServer(t))
	if err := c.CreateTokenPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	// as Apache Kafka 2.5.0 wrote it
	const node = `{"issueTimestamp":1795368900000,"renewers":["User%3Arenewer1"],"maxTimestamp":1795973700000,"version":1,"tokenId":"l_8fjpP2SMm1smmZ0c5Ncw","owner":"User%3Aadmin","expiryTimestamp":1795455300000}`
	want := &zk.DelegationToken{
		ID: "l_8fjpP2SMm1smmZ0c5Ncw", Owner: model.User("admin"), Renewers: []model.Principal{model.User("renewer1")},
		Issued: time.UnixMilli(1795368900000), Expires: time.UnixMilli(1795455300000), Max: time.UnixMilli(1795973700000),
	}
	if got, err := zk.DecodeToken([]byte(node)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	if got := string(zk.EncodeToken(want)); got != node {
		t.Errorf("written as %s", got)
	}

	var told []string
	reader := c.NewTokenChangeReader(nil, func(_ context.Context, id string) error { told = append(told, id); return nil })
	for range 2 { // new, then changed
		if err := c.WriteToken(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Tokens(t.Context()); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("%v %v", got, err)
	}
	for range 2 { // there, then gone
		if err := c.DeleteToken(t.Context(), want.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Token(t.Context(), want.ID); err != nil || got != nil {
		t.Errorf("a deleted token: %v %v", got, err)
	}
	if err := reader.Start(t.Context()); err != nil || !reflect.DeepEqual(told, []string{want.ID, want.ID, want.ID, want.ID}) {
		t.Errorf("notified of %v, %v", told, err)
	}
	for _, bad := range []string{"", "{", `{"version":2,"tokenId":"a","owner":"User%3Aa"}`, `{"version":1,"owner":"User%3Aa"}`, `{"version":1,"tokenId":"a","owner":"a"}`,
		`{"version":1,"tokenId":"a","owner":"User%3Aa","renewers":["x"]}`} {
		if got, err := zk.DecodeToken([]byte(bad)); err == nil {
			t.Errorf("%s is %+v", bad, got)
		}
	}
}

// FuzzToken holds that a token that was read is written and read again as the same.
func FuzzToken(f *testing.F) {
	f.Add([]byte(`{"version":1,"owner":"User%3Aadmin","renewers":["User%3Arenewer1"],"issueTimestamp":1795368900000,"maxTimestamp":1795973700000,"expiryTimestamp":1795455300000,"tokenId":"abc"}`))
	f.Add([]byte(`{"version":1,"tokenId":"a","owner":"User%3A%41%2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := zk.DecodeToken(data)
		if err != nil {
			return
		}
		if again, err := zk.DecodeToken(zk.EncodeToken(token)); err != nil || !reflect.DeepEqual(again, token) {
			t.Errorf("%q: %+v became %+v, %v", data, token, again, err)
		}
	})
}
