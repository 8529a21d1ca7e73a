package login

import (
	"context"
	"net/http"

	"carnet/internal/carnet"
)

// The form by which people close sessions of theirs: FieldSession is the id of one, or AllSessions.
const (
	FieldSession = "session"
	AllSessions  = "toutes"
)

// Closer ends sessions; Site does.
type Closer interface {
	EndSession(ctx context.Context, person, session carnet.ID) error
	EndSessions(ctx context.Context, person carnet.ID) (int, error)
	Logout(w http.ResponseWriter, r *http.Request) error
}

// Close answers that form for its owner, then leads to back, or to the start page when nothing is
// left open here. Closing the session of the form itself is logging out. It asks for no fresh
// authentication: closing is never refused.
func Close(c Closer, w http.ResponseWriter, r *http.Request, me Session, back string) error {
	asked := r.PostFormValue(FieldSession)
	if asked == AllSessions {
		if _, err := c.EndSessions(r.Context(), me.Person); err != nil {
			return err
		}
		http.Redirect(w, r, "/?session=fermees", http.StatusSeeOther)
		return nil
	}
	id, err := carnet.ParseID(asked)
	if err != nil {
		return carnet.E("login.Close", carnet.NotFound, "request.address", err)
	}
	if id == me.ID {
		return c.Logout(w, r)
	}
	// One that is over already is what was wanted.
	if err := c.EndSession(r.Context(), me.Person, id); err != nil && carnet.KindOf(err) != carnet.NotFound {
		return err
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}
