# rxhpc_room(NAME FOLDER): the finishing touches that every room's library gets. A room exports its own include folder and no other,
# in the build tree and, as include/rxhpc-NAME, when installed: a forbidden include does not compile.
set(RXHPC_ROOMS "" CACHE INTERNAL "")
function(rxhpc_room name folder)
  add_library(rxhpc::${name} ALIAS rxhpc_${name})
  get_target_property(type rxhpc_${name} TYPE)
  set(scope PUBLIC)
  if(type STREQUAL INTERFACE_LIBRARY)
    set(scope INTERFACE)
  else()
    target_link_libraries(rxhpc_${name} PRIVATE $<BUILD_INTERFACE:rxhpc_flags>)
  endif()
  target_include_directories(rxhpc_${name} ${scope} $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/${folder}>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/rxhpc-${name}>)
  target_compile_features(rxhpc_${name} ${scope} cxx_std_20)
  set_target_properties(rxhpc_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS rxhpc_${name} EXPORT rxhpcTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${folder}/rxhpc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rxhpc-${name} ${ARGN})
  set(RXHPC_ROOMS ${RXHPC_ROOMS} ${name}=${CMAKE_CURRENT_SOURCE_DIR}/${folder} CACHE INTERNAL "")
endfunction()
