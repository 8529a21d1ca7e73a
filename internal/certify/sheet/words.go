package sheet

// The words of the page, French then English. U+00A0 keeps together what must not be cut.
const (
	sandboxFR = "SPÉCIMEN – bac à sable"
	sandboxEN = "SPECIMEN – sandbox"

	matrixName = "2D-DOC"
	matrixFR   = "contenu certifié"
	matrixEN   = "certified content"
	matrixAlt  = "Code 2D-Doc (DataMatrix) : les informations de cette page, signées. Un vérificateur le lit et en contrôle la signature."

	qrFR       = "Flash à ajouter dans TAC"
	qrEN       = "Flash to add in TAC"
	qrAlt      = "Code QR : lien qui ajoute cette attestation à l’application TousAntiCovid (TAC)."
	qrContents = "Ajouter l’attestation dans TAC / Add the certificate to TAC"

	noticeURLContents = "Notice d’information sur les données / Information notice on personal data"
	noticeLabelFR     = "Notice d’information"
	noticeLabelEN     = "Information notice"
)

// paragraph is a text in both languages.
type paragraph struct{ fr, en string }

// form is what a page says whoever it is for.
type form struct {
	docTitle      string
	title, notice paragraph
	legal         []paragraph
	boxes         []float64 // left edges of the boxes for codes
	noCode        paragraph // in the place of the codes, when there is none
}

// The three forms: COVID-19 has an application to fill; other diseases have the 2D-Doc, or no code
// at all when the format has no words for the vaccine.
var (
	covidForm = form{
		docTitle: "Attestation de vaccination Covid-19 / Covid-19 vaccination certificate",
		title:    paragraph{"Attestation de vaccination Covid-19", "Covid-19 vaccination certificate"},
		notice: paragraph{"À conserver sur papier ou dans l’application TousAntiCovid (TAC). Son contenu peut évoluer avec les règles européennes.",
			"Keep it on paper or in the TousAntiCovid (TAC) application. Its content may change with European rules."},
		legal: legalText(paragraph{
			"Personnelle, cette attestation ne se cède ni ne se prête. Elle est délivrée en application du décret n°\u00a02020-1690 " +
				"du 25\u00a0décembre 2020 sur le traitement des données relatives aux vaccinations contre la Covid-19.",
			"This certificate is personal and not transferable. It is issued under French decree " +
				"no.\u00a02020-1690 of 25\u00a0December 2020 on the processing of data about Covid-19 vaccinations.",
		}),
		boxes: []float64{left, second},
	}
	otherForm = form{
		docTitle: otherTitle, title: paragraph{"Attestation de vaccination", "Vaccination certificate"},
		notice: paragraph{"À conserver avec votre carnet de vaccination.", "Keep it with your vaccination record."},
		legal:  legalText(otherLegal), boxes: []float64{left},
	}
	plainForm = form{
		docTitle: otherTitle, title: otherForm.title, notice: otherForm.notice, legal: otherForm.legal,
		noCode: paragraph{"Cette page n’a pas de code à lire : aucun format de code n’existe pour ce vaccin. Le fichier porte le cachet électronique de qui l’a délivré.",
			"This page has no code to read: no format of code exists for this vaccine. The file bears the electronic seal of its issuer."},
	}
)

const otherTitle = "Attestation de vaccination / Vaccination certificate"

var otherLegal = paragraph{
	"Personnelle, cette attestation ne se cède ni ne se prête. Elle reprend ce que les professionnels de santé ont enregistré.",
	"This certificate is personal and not transferable. It repeats what health professionals have recorded.",
}

// form is the one of this page.
func (a *Attestation) form() *form {
	switch {
	case a.Disease == "":
		return &covidForm
	case len(a.Payload) > 0:
		return &otherForm
	}
	return &plainForm
}

// legalText is what the law says, after a paragraph of the form.
func legalText(first paragraph) []paragraph {
	return []paragraph{first, {
		"Vous disposez sur vos données de droits d’accès, de rectification, de limitation et d’opposition. Ils s’exercent auprès du " +
			"directeur de votre caisse d’assurance maladie, par son délégué à la protection des données (DPO).",
		"You have rights of access, rectification, restriction and objection over your data. Apply to the director of your health " +
			"insurance fund, through its data protection officer (DPO).",
	}, {
		"Falsifier cette attestation, en fabriquer une ou se servir d’une fausse est puni par l’article\u00a0441-1 du Code pénal et " +
			"expose aux pénalités de l’article\u00a0L.\u00a0162-1-14 du Code de la sécurité sociale.",
		"Forging a certificate, or using a forged one, is an offence under article\u00a0441-1 of the French Criminal Code and " +
			"carries the penalties of article\u00a0L.\u00a0162-1-14 of the Social Security Code.",
	}}
}

// matrixAside and qrAside stand on the right of the two codes.
func matrixAside() paragraph {
	return paragraph{
		"Pour vérifier l’attestation, lire ce code avec un lecteur de 2D-Doc.",
		"To verify the certificate, read this code with a 2D-Doc reader.",
	}
}

func qrAside() paragraph {
	return paragraph{
		"Pour l’ajouter à votre téléphone, flasher ce code avec TAC.",
		"To add it to your phone, scan this code with TAC.",
	}
}
