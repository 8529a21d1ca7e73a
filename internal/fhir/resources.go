package fhir

// Immunization is a vaccination that was given, or was not.
type Immunization struct {
	Domain
	Identifier         []Identifier      `fhir:"identifier"`
	Status             Code              `fhir:"status!"` // completed, not-done, entered-in-error
	StatusReason       *CodeableConcept  `fhir:"statusReason"`
	VaccineCode        *CodeableConcept  `fhir:"vaccineCode!"`
	Patient            *Reference        `fhir:"patient!"`
	Encounter          *Reference        `fhir:"encounter"`
	OccurrenceDateTime DateTime          `fhir:"occurrenceDateTime" choice:"occurrence!"`
	OccurrenceString   String            `fhir:"occurrenceString" choice:"occurrence!"`
	Recorded           DateTime          `fhir:"recorded"`
	PrimarySource      *Boolean          `fhir:"primarySource"`
	ReportOrigin       *CodeableConcept  `fhir:"reportOrigin"`
	Location           *Reference        `fhir:"location"`
	Manufacturer       *Reference        `fhir:"manufacturer"`
	LotNumber          String            `fhir:"lotNumber"`
	ExpirationDate     Date              `fhir:"expirationDate"`
	Site               *CodeableConcept  `fhir:"site"`
	Route              *CodeableConcept  `fhir:"route"`
	DoseQuantity       *Quantity         `fhir:"doseQuantity"`
	Performer          []Performer       `fhir:"performer"`
	Note               []Annotation      `fhir:"note"`
	ReasonCode         []CodeableConcept `fhir:"reasonCode"`
	ReasonReference    []Reference       `fhir:"reasonReference"`
	IsSubpotent        *Boolean          `fhir:"isSubpotent"`
	SubpotentReason    []CodeableConcept `fhir:"subpotentReason"`
	Education          []Education       `fhir:"education"`
	ProgramEligibility []CodeableConcept `fhir:"programEligibility"`
	FundingSource      *CodeableConcept  `fhir:"fundingSource"`
	Reaction           []Reaction        `fhir:"reaction"`
	ProtocolApplied    []ProtocolApplied `fhir:"protocolApplied"`
}

// Performer is somebody who took part.
type Performer struct {
	Backbone
	Function *CodeableConcept `fhir:"function"`
	Actor    *Reference       `fhir:"actor!"`
}

// Education is material that was handed out.
type Education struct {
	Backbone
	DocumentType     String   `fhir:"documentType"`
	Reference        URI      `fhir:"reference"`
	PublicationDate  DateTime `fhir:"publicationDate"`
	PresentationDate DateTime `fhir:"presentationDate"`
}

// Reaction is an adverse event.
type Reaction struct {
	Backbone
	Date     DateTime   `fhir:"date"`
	Detail   *Reference `fhir:"detail"`
	Reported *Boolean   `fhir:"reported"`
}

// ProtocolApplied is the rank of a dose in a series.
type ProtocolApplied struct {
	Backbone
	Series                 String            `fhir:"series"`
	Authority              *Reference        `fhir:"authority"`
	TargetDisease          []CodeableConcept `fhir:"targetDisease"`
	DoseNumberPositiveInt  *PositiveInt      `fhir:"doseNumberPositiveInt" choice:"doseNumber!"`
	DoseNumberString       String            `fhir:"doseNumberString" choice:"doseNumber!"`
	SeriesDosesPositiveInt *PositiveInt      `fhir:"seriesDosesPositiveInt" choice:"seriesDoses"`
	SeriesDosesString      String            `fhir:"seriesDosesString" choice:"seriesDoses"`
}

// Patient is an insured person.
type Patient struct {
	Domain
	Identifier           []Identifier     `fhir:"identifier"`
	Active               *Boolean         `fhir:"active"`
	Name                 []HumanName      `fhir:"name"`
	Telecom              []ContactPoint   `fhir:"telecom"`
	Gender               Code             `fhir:"gender"`
	BirthDate            Date             `fhir:"birthDate"`
	DeceasedBoolean      *Boolean         `fhir:"deceasedBoolean" choice:"deceased"`
	DeceasedDateTime     DateTime         `fhir:"deceasedDateTime" choice:"deceased"`
	Address              []Address        `fhir:"address"`
	MaritalStatus        *CodeableConcept `fhir:"maritalStatus"`
	MultipleBirthBoolean *Boolean         `fhir:"multipleBirthBoolean" choice:"multipleBirth"`
	MultipleBirthInteger *Integer         `fhir:"multipleBirthInteger" choice:"multipleBirth"`
	Photo                []Attachment     `fhir:"photo"`
	Contact              []Contact        `fhir:"contact"`
	Communication        []Communication  `fhir:"communication"`
	GeneralPractitioner  []Reference      `fhir:"generalPractitioner"`
	ManagingOrganization *Reference       `fhir:"managingOrganization"`
	Link                 []PatientLink    `fhir:"link"`
}

// Contact is somebody close to a patient.
type Contact struct {
	Backbone
	Relationship []CodeableConcept `fhir:"relationship"`
	Name         *HumanName        `fhir:"name"`
	Telecom      []ContactPoint    `fhir:"telecom"`
	Address      *Address          `fhir:"address"`
	Gender       Code              `fhir:"gender"`
	Organization *Reference        `fhir:"organization"`
	Period       *Period           `fhir:"period"`
}

// Communication is a language of a patient.
type Communication struct {
	Backbone
	Language  *CodeableConcept `fhir:"language!"`
	Preferred *Boolean         `fhir:"preferred"`
}

// PatientLink is another record of the same person.
type PatientLink struct {
	Backbone
	Other *Reference `fhir:"other!"`
	Type  Code       `fhir:"type!"`
}

// Bundle is several resources.
type Bundle struct {
	Common
	Identifier *Identifier  `fhir:"identifier"`
	Kind       Code         `fhir:"type!"` // batch, batch-response, searchset, history …
	Timestamp  Instant      `fhir:"timestamp"`
	Total      *UnsignedInt `fhir:"total"`
	Link       []BundleLink `fhir:"link"`
	Entry      []Entry      `fhir:"entry"`
	Signature  Raw          `fhir:"signature"`
}

// Raw is an element that is kept as it was read.
type Raw struct{ tree any }

// BundleLink leads to another page.
type BundleLink struct {
	Backbone
	Relation String `fhir:"relation!"`
	URL      URI    `fhir:"url!"`
}

// Entry is one resource of a bundle, or a request for one.
type Entry struct {
	Backbone
	Link     []BundleLink   `fhir:"link"`
	FullURL  URI            `fhir:"fullUrl"`
	Resource Resource       `fhir:"resource"`
	Search   *EntrySearch   `fhir:"search"`
	Request  *EntryRequest  `fhir:"request"`
	Response *EntryResponse `fhir:"response"`
}

// EntrySearch says why an entry was found.
type EntrySearch struct {
	Backbone
	Mode  Code    `fhir:"mode"`
	Score Decimal `fhir:"score"`
}

// EntryRequest is a request in a batch.
type EntryRequest struct {
	Backbone
	Method          Code    `fhir:"method!"`
	URL             URI     `fhir:"url!"`
	IfNoneMatch     String  `fhir:"ifNoneMatch"`
	IfModifiedSince Instant `fhir:"ifModifiedSince"`
	IfMatch         String  `fhir:"ifMatch"`
	IfNoneExist     String  `fhir:"ifNoneExist"`
}

// EntryResponse is the answer to one.
type EntryResponse struct {
	Backbone
	Status       String   `fhir:"status!"`
	Location     URI      `fhir:"location"`
	Etag         String   `fhir:"etag"`
	LastModified Instant  `fhir:"lastModified"`
	Outcome      Resource `fhir:"outcome"`
}

// Parameters is what an operation is called with.
type Parameters struct {
	Common
	Parameter []Parameter `fhir:"parameter"`
}

// Parameter is one of them.
type Parameter struct {
	Backbone
	Name     String      `fhir:"name!"`
	Value    Value       `fhir:"value[x]"`
	Resource Resource    `fhir:"resource"`
	Part     []Parameter `fhir:"part"`
}

// OperationOutcome says what went wrong.
type OperationOutcome struct {
	Domain
	Issue []Issue `fhir:"issue!"`
}

// Issue is one thing that did.
type Issue struct {
	Backbone
	Severity    Code             `fhir:"severity!"` // fatal, error, warning, information
	Code        Code             `fhir:"code!"`
	Details     *CodeableConcept `fhir:"details"`
	Diagnostics String           `fhir:"diagnostics"`
	Location    []String         `fhir:"location"`
	Expression  []String         `fhir:"expression"`
}

// CapabilityStatement says what a server does.
type CapabilityStatement struct {
	Domain
	URL                 URI             `fhir:"url"`
	Version             String          `fhir:"version"`
	Name                String          `fhir:"name"`
	Title               String          `fhir:"title"`
	Status              Code            `fhir:"status!"`
	Experimental        *Boolean        `fhir:"experimental"`
	Date                DateTime        `fhir:"date!"`
	Publisher           String          `fhir:"publisher"`
	Contact             []Raw           `fhir:"contact"`
	Description         Markdown        `fhir:"description"`
	UseContext          []Raw           `fhir:"useContext"`
	Jurisdiction        []Raw           `fhir:"jurisdiction"`
	Purpose             Markdown        `fhir:"purpose"`
	Copyright           Markdown        `fhir:"copyright"`
	Kind                Code            `fhir:"kind!"`
	Instantiates        []URI           `fhir:"instantiates"`
	Imports             []URI           `fhir:"imports"`
	Software            *Software       `fhir:"software"`
	Implementation      *Implementation `fhir:"implementation"`
	FHIRVersion         Code            `fhir:"fhirVersion!"`
	Format              []Code          `fhir:"format!"`
	PatchFormat         []Code          `fhir:"patchFormat"`
	ImplementationGuide []URI           `fhir:"implementationGuide"`
	Rest                []Rest          `fhir:"rest"`
	Messaging           []Raw           `fhir:"messaging"`
	Document            []Raw           `fhir:"document"`
}

// Software is the program of a server.
type Software struct {
	Backbone
	Name        String   `fhir:"name!"`
	Version     String   `fhir:"version"`
	ReleaseDate DateTime `fhir:"releaseDate"`
}

// Implementation is one installation of it.
type Implementation struct {
	Backbone
	Description String     `fhir:"description!"`
	URL         URI        `fhir:"url"`
	Custodian   *Reference `fhir:"custodian"`
}

// Rest is the interface of a server.
type Rest struct {
	Backbone
	Mode          Code            `fhir:"mode!"`
	Documentation Markdown        `fhir:"documentation"`
	Security      *Security       `fhir:"security"`
	Resource      []RestResource  `fhir:"resource"`
	Interaction   []Interaction   `fhir:"interaction"`
	SearchParam   []SearchParam   `fhir:"searchParam"`
	Operation     []RestOperation `fhir:"operation"`
	Compartment   []URI           `fhir:"compartment"`
}

// Security is how one is let in.
type Security struct {
	Backbone
	Cors        *Boolean          `fhir:"cors"`
	Service     []CodeableConcept `fhir:"service"`
	Description Markdown          `fhir:"description"`
}

// RestResource is what a server does with a resource.
type RestResource struct {
	Backbone
	Type              Code            `fhir:"type!"`
	Profile           URI             `fhir:"profile"`
	SupportedProfile  []URI           `fhir:"supportedProfile"`
	Documentation     Markdown        `fhir:"documentation"`
	Interaction       []Interaction   `fhir:"interaction"`
	Versioning        Code            `fhir:"versioning"`
	ReadHistory       *Boolean        `fhir:"readHistory"`
	UpdateCreate      *Boolean        `fhir:"updateCreate"`
	ConditionalCreate *Boolean        `fhir:"conditionalCreate"`
	ConditionalRead   Code            `fhir:"conditionalRead"`
	ConditionalUpdate *Boolean        `fhir:"conditionalUpdate"`
	ConditionalDelete Code            `fhir:"conditionalDelete"`
	ReferencePolicy   []Code          `fhir:"referencePolicy"`
	SearchInclude     []String        `fhir:"searchInclude"`
	SearchRevInclude  []String        `fhir:"searchRevInclude"`
	SearchParam       []SearchParam   `fhir:"searchParam"`
	Operation         []RestOperation `fhir:"operation"`
}

// Interaction is one of its verbs.
type Interaction struct {
	Backbone
	Code          Code     `fhir:"code!"`
	Documentation Markdown `fhir:"documentation"`
}

// SearchParam is a parameter of a search.
type SearchParam struct {
	Backbone
	Name          String   `fhir:"name!"`
	Definition    URI      `fhir:"definition"`
	Type          Code     `fhir:"type!"`
	Documentation Markdown `fhir:"documentation"`
}

// RestOperation is an operation beyond the verbs.
type RestOperation struct {
	Backbone
	Name          String   `fhir:"name!"`
	Definition    URI      `fhir:"definition!"`
	Documentation Markdown `fhir:"documentation"`
}

// Type is the name of each resource.
func (*Immunization) Type() string        { return "Immunization" }
func (*Patient) Type() string             { return "Patient" }
func (*Bundle) Type() string              { return "Bundle" }
func (*Parameters) Type() string          { return "Parameters" }
func (*OperationOutcome) Type() string    { return "OperationOutcome" }
func (*CapabilityStatement) Type() string { return "CapabilityStatement" }
