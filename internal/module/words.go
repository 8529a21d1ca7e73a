package module

import "carnet/vitale"

// Words is a sentence about a code and what to do, in French and in English.
type Words struct{ Says, Do [2]string }

// French and English index the sentences.
const (
	French  = 0
	English = 1
)

// Sentences has one entry for each code that a host may answer.
var Sentences = map[vitale.Code]Words{
	vitale.NoService: {[2]string{"Le service de cartes à puce ne fonctionne pas.", "The smart-card service is not running."},
		[2]string{"Sous Linux, installez et démarrez pcscd ; sous Windows, démarrez le service « Carte à puce ».", "On Linux install and start pcscd; on Windows start the service “Smart Card”."}},
	vitale.NoAccess: {[2]string{"Le service de cartes à puce refuse cet utilisateur.", "The smart-card service refuses this user."},
		[2]string{"Ouvrez la session sur le poste lui-même, ou demandez à l’administrateur une règle polkit pour pcscd.", "Log in at the machine itself, or ask the administrator for a polkit rule for pcscd."}},
	vitale.NoReader: {[2]string{"Aucun lecteur de cartes n’est branché.", "No card reader is plugged in."},
		[2]string{"Branchez le lecteur, ou changez de prise USB.", "Plug the reader in, or try another USB port."}},
	vitale.NoCard: {[2]string{"Aucune carte n’est dans le lecteur.", "There is no card in the reader."},
		[2]string{"Insérez la carte Vitale, puce vers l’avant.", "Insert the card, chip first."}},
	vitale.CardMute: {[2]string{"La carte ne répond pas.", "The card does not answer."},
		[2]string{"Retirez-la, vérifiez son sens, essuyez la puce et réinsérez-la.", "Take it out, check which way round it is, wipe the chip and insert it again."}},
	vitale.CardBusy: {[2]string{"Un autre logiciel utilise la carte.", "Another program is using the card."},
		[2]string{"Attendez qu’il ait fini, ou fermez-le, puis recommencez.", "Wait until it has finished, or close it, and try again."}},
	vitale.CardReset: {[2]string{"Un autre logiciel a réinitialisé la carte.", "Another program reset the card."},
		[2]string{"Recommencez la lecture.", "Read again."}},
	vitale.CardRemoved: {[2]string{"La carte a été retirée pendant la lecture.", "The card was pulled out during the reading."},
		[2]string{"Réinsérez-la et laissez-la en place jusqu’à la fin.", "Insert it again and leave it until the end."}},
	vitale.NotVitale: {[2]string{"Cette carte n’est pas une carte Vitale.", "This card is not a carte Vitale."},
		[2]string{"Insérez la carte Vitale de la personne ; la carte de professionnel reste dans l’autre lecteur.", "Insert the person’s card; the professional’s own stays in the other reader."}},
	vitale.Vitale1: {[2]string{"Cette carte Vitale est d’un modèle ancien, qui ne peut pas être lu.", "This card is of an older model, which cannot be read."},
		[2]string{"Saisissez les informations à la main ; la personne peut demander une carte plus récente à sa caisse.", "Type the details in; the person can ask their fund for a newer card."}},
	vitale.Refused: {[2]string{"La nature de cette carte ne convient pas ici.", "This kind of card is not accepted here."},
		[2]string{"En production, les cartes de test sont refusées ; en essai, les cartes réelles le sont.", "In production test cards are refused; in a test real ones are."}},
	vitale.BadData: {[2]string{"Le contenu de la carte est illisible.", "The card’s content cannot be understood."},
		[2]string{"Saisissez les informations à la main ; « carnet-vitale doctor --card --redact » prépare un rapport sans donnée personnelle.", "Type the details in; “carnet-vitale doctor --card --redact” prepares a report without personal data."}},
	vitale.ReadFailed: {[2]string{"La lecture a échoué.", "The reading failed."},
		[2]string{"Réinsérez la carte et recommencez ; si cela dure, lancez « carnet-vitale doctor ».", "Insert the card again and retry; if it persists run “carnet-vitale doctor”."}},
	BadRequest: {[2]string{"La demande n’est pas comprise.", "The request is not understood."},
		[2]string{"Mettez à jour l’extension et le module.", "Update the extension and the module."}},
	VersionMismatch: {[2]string{"L’extension et le module ne sont pas de la même version.", "The extension and the module are of different versions."},
		[2]string{"Mettez à jour le plus ancien des deux.", "Update the older of the two."}},
	OriginRefused: {[2]string{"Ce site n’est pas autorisé à lire une carte sur ce poste.", "This site may not read a card on this workstation."},
		[2]string{"Si vous lui faites confiance : carnet-vitale allow https://…", "If you trust it: carnet-vitale allow https://…"}},
	Insecure: {[2]string{"La page n’est pas servie par une connexion sûre (https).", "The page was not served over a secure connection (https)."},
		[2]string{"Utilisez l’adresse en https de ce site.", "Use the https address of this site."}},
	PurposeRefused: {[2]string{"La lecture n’est permise que pour un soin ou une vaccination.", "Reading is allowed for care or a vaccination only."},
		[2]string{"Lisez la carte depuis l’écran du soin ou de la vaccination.", "Read the card from the page of the care or vaccination."}},
}
