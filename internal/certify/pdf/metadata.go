package pdf

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// appendXMP writes the metadata packet. Where the information dictionary has the same property,
// both say the same thing, as PDF/A asks.
func appendXMP(buf []byte, d *Document) ([]byte, error) {
	w := bytes.NewBuffer(buf)
	text := func(s string) error { return xml.EscapeText(w, []byte(s)) }
	date := d.Created.UTC().Format(xmpDate)
	w.WriteString("<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" +
		`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` + "\n" +
		`<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance></rdf:Description>` + "\n" +
		`<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>` + "\n" +
		`<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>application/pdf</dc:format><dc:title><rdf:Alt><rdf:li xml:lang="x-default">`)
	if err := text(d.Title); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	w.WriteString(`</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>`)
	if err := text(d.Author); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	w.WriteString(`</rdf:li></rdf:Seq></dc:creator><dc:language><rdf:Bag><rdf:li>`)
	if err := text(d.Lang); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	w.WriteString(`</rdf:li></rdf:Bag></dc:language></rdf:Description>` + "\n" +
		`<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"><xmp:CreateDate>` +
		date + `</xmp:CreateDate><xmp:ModifyDate>` + date + `</xmp:ModifyDate><xmp:MetadataDate>` + date +
		`</xmp:MetadataDate><pdf:Producer>` + producer + `</pdf:Producer></rdf:Description>` + "\n" +
		// PDF/A wants a description of every schema that it does not know itself.
		`<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">` +
		`<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>` +
		`<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>` +
		`<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>` +
		`<pdfaProperty:category>internal</pdfaProperty:category><pdfaProperty:description>Part of ISO 14289 that the file conforms to</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property>` +
		`</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>` + "\n" +
		"</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>")
	return w.Bytes(), nil
}
