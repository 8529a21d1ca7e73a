package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/sandbox"
	"carnet/internal/store/sqlite"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/lists"
	"carnet/internal/vaccinate/paper"
	runs "carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
	"carnet/internal/verify/revlist"
	"carnet/twoddoc"
)

// instance is the rooms of the platform over one data folder.
type instance struct {
	ids       carnet.IDs
	db        *sqlite.DB
	register  *protect.Register
	guard     *protect.Guard
	catalogue vaccinate.Catalogue
	people    *people.Service
	vaccinate *vaccinate.Service
	watch     *fraud.Watch // over what is entered
	stock     *stock.Service
	worklists *lists.Service
	paper     *paper.Service
	imports   *bulk.Service
	runs      *runs.Service
	certify   *certify.Service
	signers   certify.Signers
	listKey   crypto.Signer
	lists     *certify.Publisher // of the list that is served
	staffID   func(issuer string, subject carnet.Private) carnet.ID
}

// The folder of an instance.
func dbFile(data string) string      { return filepath.Join(data, "carnet.db") }
func keyFolder(data string) string   { return filepath.Join(data, "keys") }
func trustFolder(data string) string { return filepath.Join(data, "trust") }

// Folders that are read when they exist: what the verifier needs besides the public certificates.
func rulesFolder(data string) string   { return filepath.Join(data, "rules") }
func revokedFolder(data string) string { return filepath.Join(data, "revoked") }

// openInstance opens the rooms; what does not exist yet is made.
func openInstance(ctx context.Context, s *Settings, walletLink, noticeURL string) (*instance, error) {
	in := &instance{ids: carnet.IDs{Clock: time.Now, Rand: rand.Reader}}
	ring, err := keyring.Open(keyFolder(s.Data), in.ids.Rand)
	if err != nil {
		return nil, err
	}
	if in.register, err = protect.DefaultRegister(); err != nil {
		return nil, err
	}
	in.guard = protect.NewGuard(in.register, in.ids)
	if in.catalogue, err = openCatalogue(s); err != nil {
		return nil, err
	}
	if in.signers, err = openSigners(s, in.ids); err != nil {
		return nil, err
	}
	if err := certify.PublishCertificate(trustFolder(s.Data), in.signers.National); err != nil {
		return nil, err
	}
	if in.signers.European != nil {
		if err := certify.PublishEuropean(trustFolder(s.Data), in.signers.European); err != nil {
			return nil, err
		}
	}
	if in.listKey, err = certify.ListKey(s.Data, in.ids.Rand); err != nil {
		return nil, err
	}
	if in.db, err = sqlite.Open(ctx, dbFile(s.Data), ring, in.ids, migrations...); err != nil {
		return nil, err
	}
	in.staffID = func(issuer string, subject carnet.Private) carnet.ID {
		lookup := ring.Lookup("staff", issuer+"\n"+subject.Reveal())
		return carnet.DerivedID(lookup[:])
	}
	in.people = people.New(in.db.People(), in.guard, ring, in.ids)
	if in.watch, err = fraud.NewWatch(in.db.Fraud(), in.guard, in.ids, s.policies(), in.sessions(), s.logger(os.Stderr)); err != nil {
		return nil, errors.Join(err, in.db.Close())
	}
	in.vaccinate = vaccinate.New(in.watch.Hear(in.db.Vaccinate()), in.guard, ring, in.ids, in.catalogue)
	in.stock = stock.New(in.db.Stock(), in.guard, in.ids, in.catalogue)
	in.worklists = lists.New(in.db.Lists(), in.guard, in.ids, in.catalogue)
	in.paper = paper.New(in.db.Paper(), in.guard, in.ids)
	in.imports = bulk.New(in.db, in.guard, ring, in.ids, in.people, in.catalogue)
	in.runs = runs.New(in.db.Run(), in.guard, in.ids)
	in.certify, err = certify.New(in.db.Certify(), in.guard, in.ids, in.signers, in.catalogue,
		certify.Edition{Issuer: s.Issuer, Link: walletLink, EuropeanLink: europeanLink(walletLink), NoticeURL: noticeURL, Sandbox: s.SignerKey == ""})
	if err != nil {
		return nil, errors.Join(err, in.db.Close())
	}
	in.lists = in.publisher(listDays)
	return in, nil
}

// listDays is how many days after its issue the next list of revoked documents is promised.
const listDays = 7

func (in *instance) publisher(days int) *certify.Publisher {
	return certify.NewPublisher(in.db.Certify(), in.guard, in.ids, in.listKey, time.Duration(days)*24*time.Hour)
}

// list is the list of revoked documents of the moment, for whoever serves it.
func (in *instance) list(ctx context.Context) (revlist.Held, error) {
	l, err := in.lists.Current(ctx)
	return revlist.Held{Bytes: l.Bytes, List: l.List}, err
}

// followEvery is how long a certificate that a correction belies may wait to be revoked.
const followEvery = time.Minute

// followCorrections revokes what corrections belie, until the end.
func (in *instance) followCorrections(ctx context.Context, log *slog.Logger) {
	for {
		revoked, err := in.certify.Follow(ctx, system)
		if revoked > 0 {
			log.InfoContext(ctx, "certificates revoked after corrections", "documents", revoked)
		}
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "corrections are not followed; the next minute tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(followEvery):
		}
	}
}

// followNow makes a correction revoke what it belies before it answers: the person can have the right document
// at once. What it misses, the round of the next minute does.
func (in *instance) followNow(log *slog.Logger) {
	in.vaccinate.After(func(ctx context.Context, person carnet.ID) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if _, err := in.certify.FollowPerson(ctx, system, person); err != nil {
			log.ErrorContext(ctx, "a correction is not followed at once; the next minute tries again", "err", err)
		}
	})
}

// belied counts the documents that would be revoked if these doses of a person stood, and no others.
func (in *instance) belied(ctx context.Context, person carnet.ID, standing []carnet.Dose) (int, error) {
	list, err := in.certify.Belied(ctx, system, person, standing)
	return len(list), err
}

// appoint writes who heads which place, as the configuration says. Somebody who is no longer named stays head
// until the configuration says so: head = false.
func (in *instance) appoint(ctx context.Context, list []placeHead) error {
	for _, h := range list {
		number, err := carnet.ParseRPPS(h.RPPS)
		if err == nil {
			err = in.vaccinate.AppointHead(ctx, system, h.Place, in.vaccinate.ProfessionalID(number), h.Head == nil || *h.Head)
		}
		if err != nil {
			return fmt.Errorf("head of %s: %w", h.Place, err)
		}
	}
	return nil
}

// clearEvery is how long a worklist whose time is over may stay; nobody opens it meanwhile.
const clearEvery = 15 * time.Minute

// clearLists deletes worklists whose time is over, until the end.
func (in *instance) clearLists(ctx context.Context, log *slog.Logger) {
	for {
		deleted, err := in.worklists.Purge(ctx, system)
		if deleted > 0 {
			log.InfoContext(ctx, "worklists deleted, their time was over", "lists", deleted)
		}
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "worklists are not cleared; the next round tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(clearEvery):
		}
	}
}

// migrations lists the tables in the order in which they are made.
var migrations = []sqlite.Migrations{
	{Room: "journal", FS: journal.Migrations},
	{Room: "people", FS: people.Migrations},
	{Room: "vaccinate", FS: vaccinate.Migrations},
	{Room: "stock", FS: stock.Migrations},
	{Room: "paper", FS: paper.Migrations},
	{Room: "lists", FS: lists.Migrations},
	{Room: "import", FS: bulk.Migrations},
	{Room: "run", FS: runs.Migrations},
	{Room: "certify", FS: certify.Migrations},
	{Room: "login", FS: login.Migrations},
	{Room: "fraud", FS: fraud.Migrations},
}

// openSigners opens the keys that sign documents. An operator who has keys of their own has no other than these.
func openSigners(s *Settings, ids carnet.IDs) (all certify.Signers, err error) {
	if s.SignerKey == "" {
		for _, key := range []struct {
			into *certify.Signer
			open func(string, carnet.Clock, io.Reader) (*certify.FileSigner, error)
		}{{&all.National, certify.SandboxSigner}, {&all.European, certify.SandboxEuropeanSigner}, {&all.Seal, certify.SandboxSealSigner}} {
			if *key.into, err = key.open(s.Data, ids.Clock, ids.Rand); err != nil {
				return all, err
			}
		}
		return all, nil
	}
	for _, key := range []struct {
		into              *certify.Signer
		file, certificate string
	}{{&all.National, s.SignerKey, s.SignerCertificate}, {&all.European, s.EuropeanKey, s.EuropeanCertificate}, {&all.Seal, s.SealKey, s.SealCertificate}} {
		if key.file == "" {
			continue
		}
		if *key.into, err = certify.OpenSigner(key.file, key.certificate); err != nil {
			return all, err
		}
	}
	return all, nil
}

// europeanLink is the other path of the wallet, where the link has the usual one.
func europeanLink(link string) string {
	return strings.Replace(link, twoddoc.WalletPath, certify.WalletPath, 1)
}

func (in *instance) close() error { return in.db.Close() }

var system = protect.Actor{Role: protect.System}

// enrol writes the people and the professionals of a sandbox into the register. Done again, it
// changes nothing.
func (in *instance) enrol(ctx context.Context, world sandbox.World) error {
	for _, p := range world.People {
		if !p.Registered {
			continue
		}
		id, err := in.people.Enrol(ctx, system, p.Identity)
		if err == nil && !p.Died.IsZero() {
			err = in.people.RecordDeath(ctx, system, id, p.Died)
		}
		if err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	for _, p := range world.Professionals {
		id, err := in.vaccinate.Enrol(ctx, system, p.Professional)
		if err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		for _, place := range p.Professional.Heads {
			if err := in.vaccinate.AppointHead(ctx, system, place, id, true); err != nil {
				return fmt.Errorf("sandbox: %w", err)
			}
		}
	}
	return nil
}
