package main

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"carnet/internal/verify/revlist"
)

// operator is what the operator watches: is it alive, is it ready, how much does it do. No label
// of a metric tells anything about a person.
type operator struct {
	metrics *prometheus.Registry
	seconds *prometheus.HistogramVec
}

func newOperator() *operator {
	o := &operator{
		metrics: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "carnet_http_request_seconds", Help: "Time to answer a request, by site, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"site", "method", "code"}),
	}
	o.metrics.MustRegister(o.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return o
}

// watch counts and times what a site answers.
func (o *operator) watch(site string, h http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(o.seconds.MustCurryWith(prometheus.Labels{"site": site}), h)
}

// handler serves /healthz (the process answers), /readyz (the store answers), /metrics, and the list
// of revoked documents.
func (o *operator) handler(ping func(context.Context) error, token string, list http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+revlist.Path, list)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ping(ctx); err != nil {
			answer(w, http.StatusServiceUnavailable, "the store does not answer\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	})
	metrics := promhttp.HandlerFor(o.metrics, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, "a bearer token is needed: see the setting metrics-token\n")
			return
		}
		metrics.ServeHTTP(w, r)
	})
	return mux
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the client may be gone
}
