# SPDX-License-Identifier: Apache-2.0
#
# Libraries that infra/bootstrap/bootstrap.sh provides, as targets:
#
#   seamq::nats      nats.c, 3.10 or newer: pkg-config, else SEAMQ_NATS_ROOT, else .deps/nats
#   seamq::inih      ini reader
#   seamq::jansson   JSON
#   seamq::cmocka    unit tests; only where it is installed
#
# SEAMQ_NATS_ROOT is read from the cache (-D) or the environment. SEAMQ_NATS_SERVER in the cache is the nats-server for
# the tests.
# Usage: include(infra/bootstrap/nats.cmake) after project(... C).

include_guard(GLOBAL)

set(SEAMQ_NATS_FLOOR 3.10)
set(seamq_deps_dir "${CMAKE_CURRENT_LIST_DIR}/../../.deps")
cmake_path(NORMAL_PATH seamq_deps_dir)
set(seamq_bootstrap_dir "${CMAKE_CURRENT_LIST_DIR}")

function(seamq_needs_bootstrap what)
    message(FATAL_ERROR "${what}\nrun infra/bootstrap/bootstrap.sh --for test (or: make build), then configure again")
endfunction()

find_package(PkgConfig)
if(NOT PkgConfig_FOUND)
    seamq_needs_bootstrap("pkg-config is not installed")
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# seamq_system_library(NAME PKG_CONFIG_NAME [REQUIRED]): creates seamq::NAME.
function(seamq_system_library name module)
    pkg_check_modules(SEAMQ_PC_${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(SEAMQ_PC_${name}_FOUND)
        add_library(seamq::${name} INTERFACE IMPORTED GLOBAL)
        target_link_libraries(seamq::${name} INTERFACE PkgConfig::SEAMQ_PC_${name})
    elseif("REQUIRED" IN_LIST ARGN)
        seamq_needs_bootstrap("pkg-config does not know ${module}")
    endif()
endfunction()

# Finds a library that a static library needs: its static archive if there is one, so that a program built with the private
# nats.c needs the same shared libraries as one built with the distribution's.
function(seamq_static_or_shared name ret_path)
    find_library(SEAMQ_LIB_${name} NAMES lib${name}.a ${name})
    mark_as_advanced(SEAMQ_LIB_${name})
    if(SEAMQ_LIB_${name})
        set(${ret_path} "${SEAMQ_LIB_${name}}" PARENT_SCOPE)
    else()
        set(${ret_path} "" PARENT_SCOPE)
    endif()
endfunction()

# seamq_nats_links(RESULT [SOURCE]): RESULT is true if every object of libnats_static.a links, together with SOURCE.
function(seamq_nats_links ret_links)
    try_compile(SEAMQ_NATS_LINKS "${CMAKE_BINARY_DIR}/nats_link_check"
        SOURCES "${seamq_bootstrap_dir}/nats_link_check.c" ${ARGN}
        CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${seamq_nats_include}"
        LINK_LIBRARIES -Wl,--whole-archive "${seamq_nats_library}" -Wl,--no-whole-archive ${seamq_nats_needs}
        OUTPUT_VARIABLE output)
    set(${ret_links} ${SEAMQ_NATS_LINKS} PARENT_SCOPE)
    unset(SEAMQ_NATS_LINKS CACHE)
    set(seamq_nats_links_output "${output}" PARENT_SCOPE)
endfunction()

# seamq_nats_from(ROOT): creates seamq::nats from the prefix ROOT; sets seamq_nats_version.
function(seamq_nats_from root)
    if(NOT EXISTS "${root}/include/nats/version.h")
        seamq_needs_bootstrap("no nats.c in ${root}: include/nats/version.h is not there")
    endif()
    file(STRINGS "${root}/include/nats/version.h" line REGEX "define NATS_VERSION_STRING")
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${line}")
    if(version VERSION_LESS SEAMQ_NATS_FLOOR)
        seamq_needs_bootstrap("nats.c in ${root} is \"${version}\", SeaMQ needs ${SEAMQ_NATS_FLOOR}")
    endif()
    set(seamq_nats_version "${version}" PARENT_SCOPE)
    set(seamq_nats_include "${root}/include")

    file(GLOB found "${root}/lib*/libnats_static.a" "${root}/lib/*/libnats_static.a")
    if(NOT found)
        file(GLOB found "${root}/lib*/libnats.so" "${root}/lib/*/libnats.so")
    endif()
    if(NOT found)
        seamq_needs_bootstrap("no nats.c in ${root}: neither libnats_static.a nor libnats.so is in its lib/")
    endif()
    list(GET found 0 seamq_nats_library)

    add_library(seamq::nats UNKNOWN IMPORTED GLOBAL)
    set_target_properties(seamq::nats PROPERTIES IMPORTED_LOCATION "${seamq_nats_library}"
        INTERFACE_INCLUDE_DIRECTORIES "${seamq_nats_include}")
    if(seamq_nats_library MATCHES "\\.so$")
        return()
    endif()

    pkg_check_modules(SEAMQ_PC_openssl QUIET IMPORTED_TARGET GLOBAL openssl)
    if(NOT SEAMQ_PC_openssl_FOUND)
        seamq_needs_bootstrap("pkg-config does not know openssl, which nats.c needs")
    endif()
    seamq_static_or_shared(protobuf-c protobuf_c)
    seamq_static_or_shared(sodium sodium)
    target_link_libraries(seamq::nats INTERFACE PkgConfig::SEAMQ_PC_openssl ${protobuf_c} ${sodium} Threads::Threads)

    # The link check takes seconds, so its result is cached until the library changes.
    file(TIMESTAMP "${seamq_nats_library}" stamp)
    set(key "${seamq_nats_library} ${stamp} ${CMAKE_C_COMPILER} ${CMAKE_C_COMPILER_VERSION}")
    if(NOT SEAMQ_NATS_LINK_KEY STREQUAL key)
        set(seamq_nats_needs ${SEAMQ_PC_openssl_LINK_LIBRARIES} ${protobuf_c} ${sodium} -pthread)
        seamq_nats_links(alone)
        if(NOT alone)
            seamq_nats_links(with_compat "${seamq_bootstrap_dir}/glibc_isoc23.c")
            if(NOT with_compat)
                seamq_needs_bootstrap("${seamq_nats_library} does not link here:\n${seamq_nats_links_output}")
            endif()
        endif()
        set(SEAMQ_NATS_LINKS_ALONE "${alone}" CACHE INTERNAL "libnats_static.a links without glibc_isoc23.c")
        set(SEAMQ_NATS_LINK_KEY "${key}" CACHE INTERNAL "what SEAMQ_NATS_LINKS_ALONE was found for")
    endif()
    if(NOT SEAMQ_NATS_LINKS_ALONE)
        add_library(seamq_nats_compat STATIC "${seamq_bootstrap_dir}/glibc_isoc23.c")
        target_link_libraries(seamq::nats INTERFACE seamq_nats_compat)
    endif()
endfunction()

function(seamq_find_nats)
    # The value of the environment is not cached, so unsetting the variable has an effect.
    if(NOT SEAMQ_NATS_ROOT)
        set(SEAMQ_NATS_ROOT "$ENV{SEAMQ_NATS_ROOT}")
    endif()
    pkg_check_modules(SEAMQ_PC_nats QUIET IMPORTED_TARGET GLOBAL libnats>=${SEAMQ_NATS_FLOOR})
    if(SEAMQ_PC_nats_FOUND)
        add_library(seamq::nats INTERFACE IMPORTED GLOBAL)
        target_link_libraries(seamq::nats INTERFACE PkgConfig::SEAMQ_PC_nats Threads::Threads)
        message(STATUS "nats.c ${SEAMQ_PC_nats_VERSION} from pkg-config (at least ${SEAMQ_NATS_FLOOR})")
        return()
    endif()

    # Finds out, for the message, why pkg-config's nats.c is not used.
    pkg_check_modules(SEAMQ_PC_old_nats QUIET libnats)
    set(why "not known to pkg-config")
    if(SEAMQ_PC_old_nats_FOUND)
        set(why "the system's ${SEAMQ_PC_old_nats_VERSION} is older than ${SEAMQ_NATS_FLOOR}")
    endif()
    if(SEAMQ_NATS_ROOT)
        get_filename_component(SEAMQ_NATS_ROOT "${SEAMQ_NATS_ROOT}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
        seamq_nats_from("${SEAMQ_NATS_ROOT}")
        set(where "SEAMQ_NATS_ROOT=${SEAMQ_NATS_ROOT}")
    elseif(EXISTS "${seamq_deps_dir}/nats/include/nats/version.h")
        seamq_nats_from("${seamq_deps_dir}/nats")
        set(where ".deps/nats")
    else()
        seamq_needs_bootstrap("no nats.c ${SEAMQ_NATS_FLOOR} or newer: ${why}, SEAMQ_NATS_ROOT is not set, .deps/nats is not there")
    endif()
    set(compat "")
    if(TARGET seamq_nats_compat)
        set(compat ", with glibc_isoc23.c: this glibc is older than the library's")
    endif()
    message(STATUS "nats.c ${seamq_nats_version} from ${where} (${why})${compat}")
endfunction()

# SEAMQ_NATS_SERVER is taken from the environment or the bootstrap's choice, unless the user sets it.
function(seamq_find_nats_server)
    if(SEAMQ_NATS_SERVER AND NOT SEAMQ_NATS_SERVER STREQUAL SEAMQ_NATS_SERVER_FOUND)
        message(STATUS "nats-server for tests: ${SEAMQ_NATS_SERVER} (set by hand)")
        return()
    endif()
    unset(SEAMQ_NATS_SERVER CACHE)
    if(NOT "$ENV{SEAMQ_NATS_SERVER}" STREQUAL "")
        set(server "$ENV{SEAMQ_NATS_SERVER}")
        set(why "SEAMQ_NATS_SERVER in the environment")
    elseif(EXISTS "${seamq_deps_dir}/bin/nats-server")
        set(server "${seamq_deps_dir}/bin/nats-server")
        set(why "the bootstrap's choice")
    else()
        set(server "")
        set(why "none: run infra/bootstrap/bootstrap.sh")
    endif()
    set(SEAMQ_NATS_SERVER "${server}" CACHE FILEPATH "the nats-server that tests start")
    set(SEAMQ_NATS_SERVER_FOUND "${server}" CACHE INTERNAL "the last SEAMQ_NATS_SERVER that was not set by hand")
    message(STATUS "nats-server for tests: ${server} (${why})")
endfunction()

seamq_system_library(inih inih REQUIRED)
seamq_system_library(jansson jansson REQUIRED)
seamq_system_library(cmocka cmocka)
seamq_find_nats()
seamq_find_nats_server()
