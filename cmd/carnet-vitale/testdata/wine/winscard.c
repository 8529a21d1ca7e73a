/* A double of winscard.dll for wine_test.go: one reader whose card is the specimen, behind a socket. Wine's own winscard is a stub. The
 * types and the calling convention are those of Windows, which is what the test is about. */
#define WIN32_LEAN_AND_MEAN /* winscard.h would declare what is defined here */
#include <winsock2.h>
#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __declspec(dllexport)
#define NO_SERVICE ((LONG)0x8010001D)
#define UNKNOWN_READER ((LONG)0x80100009)
#define REMOVED ((LONG)0x80100069)
#define BAD_VALUE ((LONG)0x80100011)
static const WCHAR reader[] = L"Carnet Virtual Reader 0\0";
static const BYTE atr[] = {0x3B, 0x75, 0x13, 0x00, 0x00, 0x44, 0x09, 0xEA, 0x90, 0x00};

typedef struct { LPCWSTR name; void *user; DWORD current, event, atr_bytes; BYTE atr[36]; } state;
typedef struct { DWORD protocol, size; } request;

BOOL WINAPI DllMain(HINSTANCE h, DWORD why, LPVOID p) { (void)h; (void)why; (void)p; return TRUE; }

EXPORT LONG WINAPI SCardEstablishContext(DWORD scope, const void *a, const void *b, ULONG_PTR *context) {
	(void)a; (void)b;
	if (scope != 2) return BAD_VALUE;
	*context = 0x1234567890ABCDEFULL; /* all of it must come back */
	return 0;
}
static LONG check(ULONG_PTR context) { return context == 0x1234567890ABCDEFULL ? 0 : BAD_VALUE; }
EXPORT LONG WINAPI SCardReleaseContext(ULONG_PTR context) { return check(context); }

EXPORT LONG WINAPI SCardListReadersW(ULONG_PTR context, LPCWSTR groups, LPWSTR names, DWORD *n) {
	DWORD need = sizeof reader / sizeof *reader;
	(void)groups;
	if (check(context)) return BAD_VALUE;
	if (names && *n < need) return (LONG)0x80100008;
	if (names) memcpy(names, reader, sizeof reader);
	*n = need;
	return 0;
}

EXPORT LONG WINAPI SCardGetStatusChangeW(ULONG_PTR context, DWORD timeout, state *s, DWORD n) {
	if (check(context) || timeout || n != 1 || wcscmp(s->name, reader)) return UNKNOWN_READER;
	s->event = 0x20;
	s->atr_bytes = sizeof atr;
	memcpy(s->atr, atr, sizeof atr);
	return 0;
}

static SOCKET sock = INVALID_SOCKET;
EXPORT LONG WINAPI SCardConnectW(ULONG_PTR context, LPCWSTR name, DWORD share, DWORD protocols, ULONG_PTR *card, DWORD *protocol) {
	WSADATA data;
	struct sockaddr_in to;
	char port[16];
	if (check(context) || wcscmp(name, reader) || share != 2 || !(protocols & 1)) return BAD_VALUE;
	if (!GetEnvironmentVariableA("CARNET_TEST_CARD", port, sizeof port) || WSAStartup(0x202, &data)) return NO_SERVICE;
	sock = socket(AF_INET, SOCK_STREAM, 0);
	memset(&to, 0, sizeof to);
	to.sin_family = AF_INET;
	to.sin_port = htons((u_short)atoi(port));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(sock, (struct sockaddr *)&to, sizeof to)) return NO_SERVICE;
	*card = 0xFEDCBA0987654321ULL;
	*protocol = 1;
	return 0;
}
static LONG card_check(ULONG_PTR card) { return card == 0xFEDCBA0987654321ULL ? 0 : BAD_VALUE; }
EXPORT LONG WINAPI SCardBeginTransaction(ULONG_PTR card) { return card_check(card); }
EXPORT LONG WINAPI SCardEndTransaction(ULONG_PTR card, DWORD how) { return how ? BAD_VALUE : card_check(card); }
EXPORT LONG WINAPI SCardDisconnect(ULONG_PTR card, DWORD how) {
	if (how || card_check(card)) return BAD_VALUE;
	closesocket(sock);
	return 0;
}

static int all(char *at, int n) {
	while (n > 0) {
		int got = recv(sock, at, n, 0);
		if (got <= 0) return 0;
		at += got;
		n -= got;
	}
	return 1;
}
EXPORT LONG WINAPI SCardTransmit(ULONG_PTR card, const request *send_request, const BYTE *command, DWORD n, request *receive, BYTE *answer, DWORD *m) {
	unsigned char head[2] = {(unsigned char)(n >> 8), (unsigned char)n};
	DWORD size;
	if (card_check(card) || send_request->protocol != 1 || send_request->size != 8 || !receive || receive->size != 8) return BAD_VALUE;
	if (send(sock, (char *)head, 2, 0) != 2 || send(sock, (const char *)command, (int)n, 0) != (int)n) return REMOVED;
	if (!all((char *)head, 2)) return REMOVED;
	size = (DWORD)head[0] << 8 | head[1];
	if (size > *m) return (LONG)0x80100008;
	if (!all((char *)answer, (int)size)) return REMOVED;
	*m = size;
	return 0;
}
