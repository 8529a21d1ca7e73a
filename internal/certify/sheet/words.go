package sheet

// The words of the page, French then English. U+00A0 keeps together what must not be cut.
const (
	docTitle = "Attestation de vaccination Covid-19 / Covid-19 vaccination certificate"

	titleFR = "Attestation de vaccination Covid-19"
	titleEN = "Covid-19 vaccination certificate"

	noticeFR = "À conserver sur papier ou dans l’application TousAntiCovid (TAC). Son contenu peut évoluer avec les règles européennes."
	noticeEN = "Keep it on paper or in the TousAntiCovid (TAC) application. Its content may change with European rules."

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

func legalText() []paragraph {
	return []paragraph{{
		"Personnelle, cette attestation ne se cède ni ne se prête. Elle est délivrée en application du décret n°\u00a02020-1690 " +
			"du 25\u00a0décembre 2020 sur le traitement des données relatives aux vaccinations contre la Covid-19.",
		"This certificate is personal and not transferable. It is issued under French decree " +
			"no.\u00a02020-1690 of 25\u00a0December 2020 on the processing of data about Covid-19 vaccinations.",
	}, {
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
