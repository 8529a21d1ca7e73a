package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/site/ui"
	"carnet/internal/verify/revlist"
)

// issueOne makes an instance in a folder and certifies the last dose of its first person.
func issueOne(ctx context.Context, data string) (doc certify.Document, err error) {
	return issueWith(ctx, data, (*certify.Service).Attestation)
}

func issueWith(ctx context.Context, data string, certified func(*certify.Service, context.Context, protect.Actor, carnet.ID) (certify.Document, error)) (doc certify.Document, err error) {
	in, err := openInstance(ctx, &Settings{Data: data, Issuer: "Carnet"}, "https://carnet.example/app/wallet2d#", "https://carnet.example/")
	if err != nil {
		return doc, err
	}
	defer in.close()
	world, err := sandbox.ReadWorld()
	if err != nil {
		return doc, err
	}
	if err := in.enrol(ctx, world); err != nil {
		return doc, err
	}
	say, err := ui.ReadText(texts, "en")
	if err != nil {
		return doc, err
	}
	person, err := (&loop{say: say}).record(ctx, in, world)
	if err != nil {
		return doc, err
	}
	return certified(in.certify, ctx, protect.Actor{ID: person, Role: protect.Insured}, person)
}

func issue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: issue PDF")
	}
	doc, err := issueOne(context.Background(), ts.Getenv("CARNET_DATA"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), doc.PDF, 0o600))
	ts.Setenv("DOCUMENT", hex.EncodeToString(doc.ID[:]))
}

func issueEuropean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: issue-eu FILE")
	}
	doc, err := issueWith(context.Background(), ts.Getenv("CARNET_DATA"), (*certify.Service).European)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), doc.Payload, 0o600))
	ts.Setenv("IDENTIFIER", doc.Certificate.DCC.ID())
}

func serveFolder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve FOLDER")
	}
	s := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(s.Close)
	ts.Setenv("SERVER", s.URL)
}

// command runs the program as a terminal would.
func command(t *testing.T, data string, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"--data", data, "--lang", "en"}, args...), strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

// TestServedListIsFetched goes from the command that revokes to the file of a verifier elsewhere,
// through the address that an instance serves its list at.
func TestServedListIsFetched(t *testing.T) {
	data, held := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "list")
	doc, err := issueOne(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	in, err := openInstance(t.Context(), &Settings{Data: data, Issuer: "Carnet"}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	log := slog.New(slog.DiscardHandler)
	s := httptest.NewServer(newOperator().handler(in.db.Ping, "", revlist.Handler(in.list, log)))
	defer s.Close()
	key := filepath.Join(trustFolder(data), certify.ListKeyFile)
	fetch := func() (facts listFacts) {
		t.Helper()
		out, errOut, code := command(t, t.TempDir(), "revoked", "fetch", s.URL+revlist.Path, "--to", held, "--key", key, "--json")
		if code != exitOK || errOut != "" {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		if err := json.Unmarshal([]byte(out), &facts); err != nil {
			t.Fatal(err)
		}
		return facts
	}
	if f := fetch(); f.Number != 1 || !f.Replaced || f.Stale || len(f.Entries) != 0 || f.Age > 60 {
		t.Errorf("the first list: %+v", f)
	}
	if f := fetch(); f.Number != 1 || f.Replaced {
		t.Errorf("the same list: %+v", f)
	}
	if out, errOut, code := command(t, data, "revoke", hex.EncodeToString(doc.ID[:]), "--reason", "undue"); code != exitOK {
		t.Fatalf("exit %d: %s %s", code, out, errOut)
	}
	if out, errOut, code := command(t, data, "revoked", "publish", "--out", filepath.Join(t.TempDir(), "list")); code != exitOK {
		t.Fatalf("exit %d: %s %s", code, out, errOut)
	}
	in.lists = in.publisher(listDays) // a minute later, as far as this instance can tell
	if f := fetch(); f.Number != 2 || !f.Replaced || f.Entries["2D-DOC"] != 1 || !f.Exact || f.NextUpdate.Sub(f.Issued) != 7*24*time.Hour {
		t.Errorf("the next list: %+v", f)
	}
	answer, err := http.Get(s.URL + revlist.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.Header.Get("ETag") == "" || answer.Header.Get("Last-Modified") == "" {
		t.Errorf("%v, %v", answer.Header, err)
	}
	if file, err := os.ReadFile(held); err != nil || !bytes.Equal(file, body) {
		t.Errorf("the file is not what is served: %v", err)
	}
}

// TestListKey: made once, private, and the same at the next start.
func TestListKey(t *testing.T) {
	data := t.TempDir()
	key, err := certify.ListKey(data, strings.NewReader(strings.Repeat("x", 4096)))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(keyFolder(data), "revocation-list.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if files, err := os.ReadDir(keyFolder(data)); err != nil || len(files) != 1 {
		t.Errorf("%d files are left in keys", len(files))
	}
	if err := os.Remove(filepath.Join(trustFolder(data), certify.ListKeyFile)); err != nil {
		t.Fatal(err)
	}
	again, err := certify.ListKey(data, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(trustFolder(data), certify.ListKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := revlist.ReadKeys(text)
	if err != nil || len(keys) != 1 || !keys[0].Equal(again.Public()) || !keys[0].Equal(key.Public()) {
		t.Errorf("another key: %v", err)
	}
}
