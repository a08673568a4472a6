# SPDX-License-Identifier: GPL-3.0-or-later
#
# Libraries from outside: wolfSSL, built by cmake/wolfssl.sh, and the distribution's.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# lunel_library(<name> [OPTIONAL] PKG <module> | LIB <library> HEADER <header>): lunel::<name>.
# A library that is optional and absent becomes an empty target; LUNEL_HAVE_<name> tells.
function(lunel_library name)
	cmake_parse_arguments(arg "OPTIONAL" "PKG;LIB;HEADER" "" ${ARGN})
	set(need REQUIRED)
	if(arg_OPTIONAL)
		set(need QUIET)
	endif()
	if(arg_PKG)
		pkg_check_modules(${name} ${need} IMPORTED_TARGET ${arg_PKG})
		if(${name}_FOUND)
			add_library(lunel::${name} ALIAS PkgConfig::${name})
		endif()
	else()
		if(NOT arg_OPTIONAL)
			set(fatal REQUIRED)
		endif()
		find_library(${name}_LIBRARY ${arg_LIB} ${fatal})
		find_path(${name}_INCLUDE ${arg_HEADER} ${fatal})
		if(${name}_LIBRARY AND ${name}_INCLUDE)
			add_library(lunel_lib_${name} INTERFACE)
			target_link_libraries(lunel_lib_${name} INTERFACE ${${name}_LIBRARY})
			target_include_directories(lunel_lib_${name} SYSTEM INTERFACE ${${name}_INCLUDE})
			add_library(lunel::${name} ALIAS lunel_lib_${name})
		endif()
	endif()
	if(NOT TARGET lunel::${name})
		add_library(lunel_lib_${name} INTERFACE)
		add_library(lunel::${name} ALIAS lunel_lib_${name})
		set(LUNEL_HAVE_${name} OFF PARENT_SCOPE)
	else()
		set(LUNEL_HAVE_${name} ON PARENT_SCOPE)
	endif()
endfunction()

lunel_library(luajit PKG luajit)
lunel_library(ev LIB ev HEADER ev.h)
lunel_library(cares PKG libcares)
lunel_library(mnl PKG libmnl)
lunel_library(capng PKG libcap-ng)
lunel_library(seccomp PKG libseccomp)
lunel_library(edit PKG libedit)
lunel_library(curl PKG libcurl)
lunel_library(microhttpd PKG libmicrohttpd)
# lua-cjson as it is installed for Lua 5.1, whose C interface LuaJIT has. Its development package is not
# needed for two functions, and would bring another Lua.
find_library(cjson_LIBRARY NAMES liblua5.1-cjson.so.0 cjson.so
	PATH_SUFFIXES lua/5.1 ${CMAKE_LIBRARY_ARCHITECTURE}/lua/5.1 REQUIRED)
add_library(lunel_lib_cjson INTERFACE)
target_link_libraries(lunel_lib_cjson INTERFACE ${cjson_LIBRARY})
add_library(lunel::cjson ALIAS lunel_lib_cjson)
if(LUNEL_TESTS)
	lunel_library(cmocka PKG cmocka)
endif()

# The choice made at the first configure stays with the build directory.
set(LUNEL_WOLFSSL "$ENV{LUNEL_WOLFSSL}" CACHE STRING
	"Where wolfSSL comes from: a path, upstream, distro, system, or empty for the best open road")
set(command sh ${CMAKE_SOURCE_DIR}/cmake/wolfssl.sh)
if(LUNEL_WOLFSSL)
	list(PREPEND command ${CMAKE_COMMAND} -E env LUNEL_WOLFSSL=${LUNEL_WOLFSSL})
endif()
execute_process(COMMAND ${command}
	OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE ".*\n" "" LUNEL_WOLFSSL_PREFIX "${prefix}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/wolfssl.sh)

unset(wolfssl_LIBRARY CACHE)
find_library(wolfssl_LIBRARY NAMES libwolfssl.a wolfssl PATHS ${LUNEL_WOLFSSL_PREFIX}/lib
	NO_DEFAULT_PATH)
if(NOT wolfssl_LIBRARY)
	find_library(wolfssl_LIBRARY wolfssl REQUIRED)
endif()
file(STRINGS ${LUNEL_WOLFSSL_PREFIX}/include/wolfssl/version.h version
	REGEX "define LIBWOLFSSL_VERSION_STRING")
string(REGEX REPLACE ".*\"(.*)\".*" "\\1" LUNEL_WOLFSSL_VERSION "${version}")
message(STATUS "wolfSSL ${LUNEL_WOLFSSL_VERSION} in ${LUNEL_WOLFSSL_PREFIX}")

add_library(lunel_wolfssl INTERFACE)
target_link_libraries(lunel_wolfssl INTERFACE ${wolfssl_LIBRARY} m Threads::Threads)
if(NOT LUNEL_WOLFSSL_PREFIX STREQUAL "/usr")
	target_include_directories(lunel_wolfssl SYSTEM INTERFACE ${LUNEL_WOLFSSL_PREFIX}/include)
endif()
