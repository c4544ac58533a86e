# SPDX-License-Identifier: Apache-2.0
# seamq_add_plugin(NAME SOURCES...): builds NAME.so, a SeaMQ handler, as target NAME.
#
# No "lib" in front, and nothing is exported but the entry point, so that two plugins, or a
# plugin and a library it uses, cannot take each other's functions.  C11 or C++17 unless the
# project asks for something else.  Link libraries as to any target.
function(seamq_add_plugin name)
    if(NOT ARGN)
        message(FATAL_ERROR "seamq_add_plugin(${name}): name at least one source file")
    endif()
    add_library(${name} MODULE ${ARGN})
    target_link_libraries(${name} PRIVATE seamq::sdk)
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so"
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    if(NOT CMAKE_C_STANDARD)
        set_target_properties(${name} PROPERTIES C_STANDARD 11)
    endif()
    if(NOT CMAKE_CXX_STANDARD)
        set_target_properties(${name} PROPERTIES CXX_STANDARD 17)
    endif()
endfunction()
