package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/publish/explore"
	"carnet/internal/publish/release"
	"carnet/internal/site/ui"
)

// servePortal runs the portal alone. It opens the folder releases of the instance and the public key that verifies
// them, and nothing else: it works on a machine that has neither the store nor any other key.
func servePortal(ctx context.Context, s *Settings, t terminal, say ui.Text, log *slog.Logger) error {
	p, l, err := openPortal(s, log)
	if carnet.CodeOf(err) == "portal.release" {
		return errors.New(say.T("portal.none", "folder", releaseFolder(s.Data)))
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, say.T("portal.ready", "release", p.Release().ID, "address", p.Origin+"/api/explore/v2.1/catalog/datasets"))
	server := &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 10 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	newer := time.NewTicker(time.Minute)
	defer newer.Stop()
	for {
		select {
		case err := <-failed:
			return err
		case <-newer.C:
			if err := p.Reload(); err != nil {
				log.WarnContext(ctx, "the newest release is not served; the one before is", "err", err)
			}
		case <-ctx.Done():
			wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err := server.Shutdown(wait)
			if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
				err = errors.Join(err, e)
			}
			return err
		}
	}
}

func openPortal(s *Settings, log *slog.Logger) (*explore.Portal, net.Listener, error) {
	ids, err := release.List(releaseFolder(s.Data))
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, nil, carnet.E("portal.open", carnet.NotFound, "portal.release", nil)
	}
	key, err := release.PublicKeyFile(filepath.Join(trustFolder(s.Data), certify.ReleaseKeyFile))
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(s.Listen, strconv.Itoa(s.PortPortal)))
	if err != nil {
		return nil, nil, err
	}
	origin := s.PortalOrigin
	if origin == "" {
		origin = "http://" + net.JoinHostPort(s.Host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	p, err := explore.New(explore.Config{Releases: releaseFolder(s.Data), Key: key, Origin: origin, Quota: s.PortalQuota, Clock: time.Now, Log: log})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return p, l, nil
}
