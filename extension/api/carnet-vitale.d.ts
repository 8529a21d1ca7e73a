/** Types of carnet-vitale.js. null is what the provider cannot know; an empty text is empty on the card. */

export declare const VERSION: 1;

export type VitaleCode =
	/* the library */ | "EXTENSION_UNAVAILABLE" | "TIMEOUT"
	/* the page */ | "BUSY" | "NO_USER_GESTURE" | "EXTENSION_GONE" | "BAD_REQUEST" | "VERSION_MISMATCH" | "PURPOSE_REFUSED" | "NOT_LOGGED_IN"
	/* the extension */ | "FORBIDDEN_CONTEXT" | "ORIGIN_NOT_ALLOWED" | "INSECURE_CONTEXT" | "TERMS_NOT_ACCEPTED" | "USER_DENIED" | "RATE_LIMITED" | "HOST_UNAVAILABLE" | "BAD_ANSWER" | "INTERNAL"
	/* the module */ | "NO_PCSC_SERVICE" | "NO_PCSC_ACCESS" | "NO_READER" | "NO_CARD" | "CARD_MUTE" | "CARD_BUSY" | "CARD_RESET" | "CARD_REMOVED" | "NOT_VITALE" | "VITALE1_UNSUPPORTED" | "NATURE_REFUSED" | "BAD_CARD_DATA" | "READ";

export declare class VitaleError extends Error {
	readonly code: VitaleCode;
}

export type CardKind = "none" | "vitale2" | "vitale1" | "cps" | "other";

export interface Status {
	extension: string;
	module: string;
	service: boolean;
	readers: { card: CardKind }[];
}

export interface Reading {
	provider: "direct" | "apilec";
	missing: string[];
	card: { type: CardKind; nature: "real" | "test" | "demo" | "specimen" | "unknown"; serial: string | null; atr: string | null; validFrom: string | null };
	/** In the order of the card: the first is the insured person. With several, let the user choose. */
	beneficiaries: Beneficiary[];
	attachment: { scheme: string; fund: string; centre: string; managementCode: string; rights: { from: string; to: string }[] } | null;
}

export interface Beneficiary {
	insured: boolean;
	surname: string;
	birthName: string | null;
	givenName: string;
	/** raw is AAAAMMJJ, or AAMMJJ without a century (year is then null). A luni-solar date is in no calendar: show 01/01 of the year, transmit raw. */
	birth: { raw: string; year: number | null; lunisolar: boolean };
	birthRank: number | null;
	quality: string | null;
	address: string[] | null;
	nir: string | null;
	nirKey: string | null;
	nirKeyOk: boolean;
	nirOf: "self" | "insured" | "unknown";
	certifiedNir: string | null;
	certifiedOn: string | null;
}

export interface Options {
	/** ms until "no extension" */ ackTimeout?: number;
	/** ms until TIMEOUT; the user may be reading the consent */ timeout?: number;
}

export declare function connect(options?: { timeout?: number }): Promise<{ version: string }>;
export declare function status(options?: Options): Promise<Status>;
export declare function readers(options?: Options): Promise<{ card: CardKind }[]>;
export declare function read(options: Options & { purpose: "care" | "vaccination" }): Promise<Reading>;
