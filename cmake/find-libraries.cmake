# What both our own build and the installed package look for.
macro(rxhpc_find_hdf5_and_codecs)
  find_package(HDF5 ${ARGN} COMPONENTS C)
  find_package(PkgConfig ${ARGN})
  pkg_check_modules(LZ4 ${ARGN} IMPORTED_TARGET liblz4)
  pkg_check_modules(ZSTD ${ARGN} IMPORTED_TARGET libzstd)
  pkg_check_modules(DEFLATE ${ARGN} IMPORTED_TARGET libdeflate)
  pkg_check_modules(ISAL ${ARGN} IMPORTED_TARGET libisal)
endmacro()
