package twoddoc

import (
	"strings"
	"sync"
)

// folds maps letters outside ASCII to their base letters.
var folds = sync.OnceValue(func() map[rune]string {
	m := make(map[rune]string, 512)
	for line := range strings.FieldsSeq(foldTable) {
		plain, letters, _ := strings.Cut(line, "=")
		for _, r := range letters {
			m[r] = plain
		}
	}
	return m
})

// foldTable lists the Latin letters of Unicode whose compatibility decomposition (NFKD) begins
// with a letter or digit of ASCII, without case, then what NFKD leaves alone and the format
// or usage spells with plain letters: AE, OE, the stroked letters, the sharp s and the hyphens.
const foldTable = `
-=‐‑
0=０
1=¹１
2=²２
3=³３
4=４
5=５
6=６
7=７
8=８
9=９
A=ªÀÁÂÃÄÅàáâãäåĀāĂăĄąǍǎǞǟǠǡǺǻȀȁȂȃȦȧḀḁẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặÅＡａ
B=ḂḃḄḅḆḇＢｂ
C=ÇçĆćĈĉĊċČčḈḉＣｃ
D=ĎďḊḋḌḍḎḏḐḑḒḓＤｄĐđ
E=ÈÉÊËèéêëĒēĔĕĖėĘęĚěȄȅȆȇȨȩḔḕḖḗḘḙḚḛḜḝẸẹẺẻẼẽẾếỀềỂểỄễỆệＥｅ
F=ḞḟＦｆ
G=ĜĝĞğĠġĢģǦǧǴǵḠḡＧｇ
H=ĤĥȞȟḢḣḤḥḦḧḨḩḪḫẖＨｈĦħ
I=ÌÍÎÏìíîïĨĩĪīĬĭĮįİıǏǐȈȉȊȋḬḭḮḯỈỉỊịＩｉ
J=ĴĵǰＪｊ
K=ĶķǨǩḰḱḲḳḴḵKＫｋ
L=ĹĺĻļĽľḶḷḸḹḺḻḼḽＬｌŁł
M=ḾḿṀṁṂṃＭｍ
N=ÑñŃńŅņŇňǸǹṄṅṆṇṈṉṊṋＮｎ
O=ºÒÓÔÕÖòóôõöŌōŎŏŐőƠơǑǒǪǫǬǭȌȍȎȏȪȫȬȭȮȯȰȱṌṍṎṏṐṑṒṓỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợＯｏØøǾǿ
P=ṔṕṖṗＰｐ
Q=Ｑｑ
R=ŔŕŖŗŘřȐȑȒȓṘṙṚṛṜṝṞṟＲｒ
S=ŚśŜŝŞşŠšſȘșṠṡṢṣṤṥṦṧṨṩẛＳｓ
T=ŢţŤťȚțṪṫṬṭṮṯṰṱẗＴｔŦŧ
U=ÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲųƯưǓǔǕǖǗǘǙǚǛǜȔȕȖȗṲṳṴṵṶṷṸṹṺṻỤụỦủỨứỪừỬửỮữỰựＵｕ
V=ṼṽṾṿＶｖ
W=ŴŵẀẁẂẃẄẅẆẇẈẉẘＷｗ
X=ẊẋẌẍＸｘ
Y=ÝýÿŶŷŸȲȳẎẏẙỲỳỴỵỶỷỸỹＹｙ
Z=ŹźŻżŽžẐẑẒẓẔẕＺｚ
AE=ÆæǢǣǼǽ
DZ=ǄǅǆǱǲǳ
FF=ﬀ
FI=ﬁ
FL=ﬂ
IJ=Ĳĳ
LJ=Ǉǈǉ
NJ=Ǌǋǌ
OE=Œœ
SS=ßẞ
ST=ﬅﬆ
FFI=ﬃ
FFL=ﬄ
`
