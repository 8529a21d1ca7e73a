package workstation

import (
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// State is the result of a check.
type State string

const (
	OK      State = "ok"
	Bad     State = "bad"
	Unknown State = "not-checkable" // a program cannot see it here: a person answers
)

// Principle is one of the ten.
type Principle struct {
	Words [2]string // French, English
	check func(Host) (State, [2]string)
}

// Host is what the principles are checked on.
type Host struct {
	OS   string
	FS   fs.FS // the machine's root
	Now  time.Time
	Root bool                                                       // the user has all rights
	Run  func(name string, args ...string) (string, error)          // a program of the system
	Key  func(system bool, key, name string) (value uint64, k bool) // Windows registry
}

// RunProgram runs one of the system's programs for at most the time that its context has.
func RunProgram(name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	out, err := exec.Command(path, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// RegistryNumber reads a number of the registry, on Windows.
func RegistryNumber(system bool, key, name string) (uint64, bool) { return number(system, key, name) }

func cannot(fr, en string) (State, [2]string) { return Unknown, [2]string{fr, en} }

func organisational(Host) (State, [2]string) {
	return cannot("aucun programme ne peut le voir : la réponse est celle du responsable du poste", "no program can see it: whoever is in charge of the workstation answers")
}

// exists reports a file of the host.
func (h Host) exists(name string) bool {
	_, err := fs.Stat(h.FS, name)
	return err == nil
}

// has reports a file that contains a text.
func (h Host) has(name, text string) bool {
	content, err := fs.ReadFile(h.FS, name)
	return err == nil && strings.Contains(string(content), text)
}

// age tells how old the newest of some files is, in days.
func (h Host) age(names ...string) (days int, ok bool) {
	for _, name := range names {
		if info, err := fs.Stat(h.FS, name); err == nil {
			if d := int(h.Now.Sub(info.ModTime()).Hours() / 24); !ok || d < days {
				days, ok = d, true
			}
		}
	}
	return days, ok
}

func judged(good bool, seen [2]string) (State, [2]string) {
	if good {
		return OK, seen
	}
	return Bad, seen
}

// Principles are the ten of clause 3.1 of the terms of card reading, in their order and in our words.
var Principles = []Principle{
	{[2]string{"Le système d’exploitation est à jour.", "The operating system is up to date."}, func(h Host) (State, [2]string) {
		if h.OS != "linux" {
			return cannot("voir les réglages de mise à jour du système", "see the system’s update settings")
		}
		if h.exists("run/reboot-required") || h.exists("var/run/reboot-required") {
			return Bad, [2]string{"une mise à jour attend un redémarrage", "an update waits for a restart"}
		}
		if days, ok := h.age("var/lib/apt/periodic/update-success-stamp", "var/cache/apt/pkgcache.bin"); ok {
			state, seen := cannot(fmt.Sprintf("listes de paquets vieilles de %d jours ; ce qu’elles proposent n’est pas regardé", days), fmt.Sprintf("package lists are %d days old; what they offer is not looked at", days))
			if days > 14 {
				state = Bad
			}
			return state, seen
		}
		return cannot("gestionnaire de paquets inconnu", "unknown package manager")
	}},
	{[2]string{"Les données sont effacées de façon sûre avant que le poste change de mains.", "Data are erased securely before the workstation changes hands."}, organisational},
	{[2]string{"Les droits d’administrateur sont réservés à une personne sensibilisée à la sécurité.", "Administrator rights belong to someone aware of security."}, func(h Host) (State, [2]string) {
		if h.Root {
			return Bad, [2]string{"cette session a tous les droits : travaillez avec un compte ordinaire", "this session has all rights: work with an ordinary account"}
		}
		return cannot("cette session est ordinaire ; qui administre le poste, un programme ne le sait pas", "this session is an ordinary one; who administers the workstation a program cannot know")
	}},
	{[2]string{"La session se verrouille seule quand le poste n’est pas utilisé.", "The session locks by itself when the workstation is not used."}, func(h Host) (State, [2]string) {
		switch h.OS {
		case "windows":
			if secs, ok := h.Key(true, `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`, "InactivityTimeoutSecs"); ok && secs > 0 {
				return OK, [2]string{fmt.Sprintf("verrouillage après %d s", secs), fmt.Sprintf("locks after %d s", secs)}
			}
		case "linux":
			lock, err1 := h.Run("gsettings", "get", "org.gnome.desktop.screensaver", "lock-enabled")
			idle, err2 := h.Run("gsettings", "get", "org.gnome.desktop.session", "idle-delay")
			if err1 == nil && err2 == nil {
				return judged(lock == "true" && idle != "uint32 0", [2]string{"GNOME : verrouillage " + lock + ", délai " + idle, "GNOME: lock " + lock + ", delay " + idle})
			}
		}
		return cannot("réglage de l’environnement de bureau non visible d’ici", "the desktop’s setting cannot be seen from here")
	}},
	{[2]string{"Un pare-feu logiciel n’ouvre que les ports nécessaires.", "A software firewall opens only the necessary ports."}, func(h Host) (State, [2]string) {
		switch h.OS {
		case "windows":
			if on, ok := h.Key(true, `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile`, "EnableFirewall"); ok {
				return judged(on == 1, [2]string{fmt.Sprintf("pare-feu Windows : %d", on), fmt.Sprintf("Windows firewall: %d", on)})
			}
		case "darwin":
			if out, err := h.Run("/usr/libexec/ApplicationFirewall/socketfilterfw", "--getglobalstate"); err == nil {
				return judged(strings.Contains(out, "enabled"), [2]string{out, out})
			}
		case "linux":
			if h.exists("etc/ufw/ufw.conf") {
				return judged(h.has("etc/ufw/ufw.conf", "ENABLED=yes"), [2]string{"ufw est installé", "ufw is installed"})
			}
			for _, unit := range []string{"firewalld", "nftables"} {
				if h.exists("etc/systemd/system/multi-user.target.wants/"+unit+".service") || h.exists("etc/systemd/system/sysinit.target.wants/"+unit+".service") {
					return OK, [2]string{unit + " démarre avec le système", unit + " starts with the system"}
				}
			}
			return Bad, [2]string{"ni ufw, ni firewalld, ni nftables n’est actif", "none of ufw, firewalld, nftables is active"}
		}
		return cannot("état du pare-feu non visible d’ici", "the firewall’s state cannot be seen from here")
	}},
	{[2]string{"Un antivirus à jour protège le poste, et les logiciels suivent une politique de mise à jour.", "An up-to-date antivirus protects the workstation, and software follows an update policy."}, func(h Host) (State, [2]string) {
		if days, ok := h.age("var/lib/clamav/daily.cld", "var/lib/clamav/daily.cvd"); ok && h.OS == "linux" {
			return judged(days <= 7, [2]string{fmt.Sprintf("ClamAV : base vieille de %d jours", days), fmt.Sprintf("ClamAV: database %d days old", days)})
		}
		if off, ok := h.Key(true, `SOFTWARE\Policies\Microsoft\Windows Defender`, "DisableAntiSpyware"); ok && off == 1 {
			return Bad, [2]string{"Microsoft Defender est désactivé par une stratégie", "Microsoft Defender is turned off by a policy"}
		}
		return cannot("aucun antivirus que ce programme reconnaisse", "no antivirus that this program recognises")
	}},
	{[2]string{"Les mises à jour de sécurité s’installent seules dès que possible.", "Security updates install themselves wherever possible."}, func(h Host) (State, [2]string) {
		switch h.OS {
		case "linux":
			if h.exists("etc/apt") {
				on := h.has("etc/apt/apt.conf.d/20auto-upgrades", `Unattended-Upgrade "1"`)
				return judged(on, [2]string{"apt : mises à jour automatiques " + map[bool]string{true: "actives", false: "inactives"}[on], "apt: automatic upgrades " + map[bool]string{true: "on", false: "off"}[on]})
			}
		case "windows":
			if off, ok := h.Key(true, `SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU`, "NoAutoUpdate"); ok && off == 1 {
				return Bad, [2]string{"une stratégie empêche les mises à jour automatiques", "a policy prevents automatic updates"}
			}
		}
		return cannot("réglage non visible d’ici", "the setting cannot be seen from here")
	}},
	{[2]string{"Les données des utilisateurs sont sur un espace réseau sauvegardé, ou synchronisées, et les utilisateurs y sont formés.", "Users’ data are on a backed-up network space, or synchronised, and users are trained."}, organisational},
	{[2]string{"Les supports amovibles sont limités à l’indispensable.", "Removable media are limited to the indispensable."}, func(h Host) (State, [2]string) {
		if h.OS != "linux" {
			return organisational(h)
		}
		disks, err := fs.Glob(h.FS, "sys/block/*/removable")
		if err != nil {
			return organisational(h)
		}
		n := len(slices.DeleteFunc(disks, func(f string) bool {
			return !h.has(f, "1") || strings.Contains(f, "/sr") || strings.Contains(f, "/fd") || strings.Contains(f, "/loop")
		}))
		return judged(n == 0, [2]string{fmt.Sprintf("%d support(s) amovible(s) branché(s)", n), fmt.Sprintf("%d removable medium(s) plugged in", n)})
	}},
	{[2]string{"L’exécution automatique depuis les supports amovibles est désactivée.", "Autorun from removable media is off."}, func(h Host) (State, [2]string) {
		switch h.OS {
		case "windows":
			if v, ok := h.Key(true, `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Explorer`, "NoDriveTypeAutoRun"); ok {
				return judged(v&0xFF == 0xFF, [2]string{fmt.Sprintf("NoDriveTypeAutoRun = 0x%X", v), fmt.Sprintf("NoDriveTypeAutoRun = 0x%X", v)})
			}
		case "linux":
			if never, err := h.Run("gsettings", "get", "org.gnome.desktop.media-handling", "autorun-never"); err == nil {
				return judged(never == "true", [2]string{"GNOME : autorun-never " + never, "GNOME: autorun-never " + never})
			}
		}
		return cannot("réglage non visible d’ici", "the setting cannot be seen from here")
	}},
}
