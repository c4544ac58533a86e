#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exits 0 if /readyz of seamqd answers 200, else 1 with its answer. Uses bash only, because the image has no curl.
exec 3<>"/dev/tcp/127.0.0.1/${SEAMQ_ADMIN##*:}" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
answer=$(cat <&3)
[[ $answer == HTTP/1.?" 200 "* ]] && exit
printf '%s\n' "${answer##*$'\r\n\r\n'}"
exit 1
